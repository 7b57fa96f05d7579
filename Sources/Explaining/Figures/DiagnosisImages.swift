import Datasets
import Foundation
import Segmentation
import Studies
import Torch
import Training

/// The images for the diagnosis of a model.
///
/// They are from all sites, if possible without its training images.
struct DiagnosisImages {
  /// All images, site by site.
  let samples: [Sample]
  /// The number of them that were in training.
  let trained: Int

  /// The minimum number of a site's images outside training; with fewer, all its images are used.
  static let least = 20

  /// Describes the selection in words.
  static func rule(limit: Int) -> String {
    "of every site at most \(limit) images, evenly spread: of the held-out site those that it is scored on; of the others "
      + "images that it would be scored on and that are not trained on, else the run's validation images, or, where these are fewer than "
      + "\(least), all images"
  }

  /// Selects images for a run.
  init(_ run: StudyFigures.Run, _ catalog: SiteCatalog, limit: Int) throws {
    let settings = run.run.configuration
    let sites = try catalog.sites.map { try $0.training(on: settings.scenes) }
    let split = try Split(
      sites: sites.filter { $0.name != run.result.site }, validationShare: settings.validationShare,
      seed: run.result.seed)
    let training = Set(split.training.map(\.image))
    samples = sites.flatMap { site -> [Sample] in
      guard site.name != run.result.site else { return Self.spread(site.testSamples, limit) }
      let own = Set(site.samples.map(\.image))
      let apart = site.testSamples.filter { !own.contains($0.image) }
      let validation = split.validation.filter { $0.site == site.name }
      return Self.spread(
        apart.isEmpty ? validation.count < Self.least ? site.samples : validation : apart, limit)
    }
    trained = samples.count { training.contains($0.image) }
  }

  /// Returns evenly spread samples, in their order.
  static func spread(_ samples: [Sample], _ limit: Int) -> [Sample] {
    let count = min(limit, samples.count)
    return (0..<count).map { samples[$0 * samples.count / count] }
  }
}

/// Decoded images and features of the frozen layers, computed once for all runs that share them.
struct DiagnosisInputs: Sendable {
  private var banks: [SampleReader: SampleBank] = [:]
  private var stores: [FeatureKey: FeatureStore] = [:]
  private let given: FeatureStore?
  private let progress: FigureProgress

  /// Decodes and encodes the images of some runs.
  ///
  /// - Parameters:
  ///   - runs: with the images of each.
  ///   - features: existing features of the frozen layers, if any.
  ///   - cache: the cache for other features.
  ///   - progress: counts the images that pass.
  /// - Throws: an error that names the file.
  init(
    _ runs: [(run: StudyFigures.Run, samples: [Sample])], features: FeatureStore?, cache: FeatureCache?,
    _ progress: FigureProgress
  ) throws {
    (given, self.progress) = (features, progress)
    let all = runs.map {
      (settings: $0.run.run.configuration, run: $0.run, samples: $0.samples)
    }
    for (reader, own) in Dictionary(grouping: all, by: { $0.settings.reader }) {
      var seen = Set<String>()
      banks[reader] = try SampleBank(
        own.flatMap(\.samples).filter { seen.insert($0.image.path).inserted }, reader: reader)
    }
    guard given == nil, let cache else { return }
    for (settings, run, _) in all {
      guard let key = FeatureKey(settings), stores[key] == nil, let bank = banks[settings.reader] else {
        continue
      }
      stores[key] = try FeatureStore(
        bank, system: run.run.trainedSystem(), cache: cache,
        workers: ProcessInfo.processInfo.activeProcessorCount)
    }
  }

  /// Calls a closure for batches of a run's images, with masks and features of its tower.
  func eachBatch(
    _ samples: [Sample], _ system: CompiledSystem, _ settings: RunConfiguration,
    _ use: (_ batch: (images: Tensor, masks: Tensor), _ encoded: EncodedImages) throws -> Void
  ) throws {
    let bank =
      try banks[settings.reader].map { SampleBank(samples, sharing: $0) }
      ?? SampleBank(samples, reader: settings.reader)
    let store = given ?? FeatureKey(settings).flatMap { stores[$0] }
    for start in stride(from: 0, to: samples.count, by: 16) {
      let rows = Array(start..<min(samples.count, start + 16))
      let batch = try bank.batch(rows)
      try inferenceMode {
        try use(batch, system.encoded(batch.images, cached: store?.cached(rows.map { samples[$0] })))
      }
      progress.add(rows.count)
    }
  }
}
