import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import Torch
import Training

/// A complete leave-one-site-out run, from files to scores.
///
/// The peer is a PyTorch loop without cached features.
struct StudyCases {
  let context: BenchmarkContext
  private var geometry: Geometry { context.geometry }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    // With four sites, the folds spread evenly over two or four cores. With three, one of two cores
    // would be idle for a third of the time. This does not happen with the folds, arms and seeds of
    // a real study.
    let sites = context.quick ? 2 : 4
    let catalog = try RenderedSites.write(
      sites, perSite: 12, testPerSite: 8,
      size: geometry.configuration.vision.imageSize, context)
    for tune in context.quick ? [Tuning.none] : [Tuning.none, .last(2)] {
      try add(study(catalog, tune))
    }
  }

  private func study(_ catalog: SiteCatalog, _ tune: Tuning) throws -> CaseRecord {
    var configuration = BenchmarkSettings.configuration(geometry, seed: context.options.seed)
    configuration.tune = tune
    configuration.epochs = context.quick ? 3 : 10
    let epochs = configuration.epochs
    var record = CaseRecord(
      .study, "\(geometry.name), \(catalog.sites.count) sites, \(epochs) epochs, --tune \(tune)")
    (record.items, record.item) = (catalog.sites.count, "site")
    let (context, geometry) = (context, geometry)
    var contestants = Precision.trainable.map { precision in
      var settings = configuration
      settings.precision = precision
      return Contestant.ours(precision.rawValue) { [settings] in
        try Self.own(catalog, settings, geometry, context)
      }
    }
    let folder = try context.folder("study-peer-\(UUID().uuidString)")
    let session = try TrainingSession(context, geometry, catalog.sites.flatMap(\.samples)) {
      $0.tune = tune
      $0.epochs = epochs
    }
    defer {
      session.remove()
      try? FileManager.default.removeItem(at: folder)
    }
    var request = try session.request(.epoch, epochs: 0)
    request["folder"] = .string(folder.path)
    request["folds"] = .array(try catalog.sites.map { try fold($0, catalog, configuration) })
    contestants += ["float32", "bfloat16"].compactMap { precision in
      context.peers.contestant("pytorch", name: "PyTorch", precision: precision, work: "study", request)
    }
    for index in contestants.indices { contestants[index].repeats = false }
    return context.measure(record, contestants, context.pace(least: 1, most: 3, seconds: 120))
  }

  /// Runs this software in a folder, which is removed at the end.
  static func own(
    _ catalog: SiteCatalog, _ configuration: RunConfiguration, _ geometry: Geometry,
    _ context: BenchmarkContext
  ) throws {
    let folder = try context.folder("study-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let (seed, threads) = (context.options.seed, context.options.threads)
    let plan = try StudyPlan(
      study: "bench", configuration: configuration, arms: [ArmDefinition("mcdrl") { _ in }], seeds: [seed])
    // Like `mcdrl loso`, this runs folds in parallel, each on one thread.
    _ = try Machine.withThreads(1) {
      try LeaveOneSiteOut(
        plan, catalog: catalog, clip: ClipLoader(making: { _ in try geometry.model(seed: seed) }),
        prompts: context.options.prompts,
        folder: folder, cache: FeatureCache(folder.appendingPathComponent("cache")), workers: threads
      ).run()
    }
  }

  private func fold(
    _ site: Site, _ catalog: SiteCatalog, _ configuration: RunConfiguration
  ) throws -> JSONValue {
    let split = try Split(
      sites: catalog.sites.filter { $0.name != site.name }, validationShare: configuration.validationShare,
      seed: configuration.seed)
    let prompts = context.options.prompts
    return .object([
      "site": .string(site.name), "training": TrainingSession.samples(split.training, prompts),
      "validation": TrainingSession.samples(split.validation, prompts),
      "test": TrainingSession.samples(site.testSamples, prompts),
    ])
  }
}
