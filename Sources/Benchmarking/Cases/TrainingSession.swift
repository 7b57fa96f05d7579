import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import SyntheticEndoscopy
import Torch
import Training

/// Rendered sites for training.
enum RenderedSites {
  /// Renders sites, unless they exist.
  static func write(
    _ count: Int, perSite: Int, testPerSite: Int = 0, size: Int, _ context: BenchmarkContext
  ) throws -> SiteCatalog {
    let folder = context.options.work.appendingPathComponent(
      "sites-\(count)-\(perSite)-\(testPerSite)-\(size)")
    if !FileManager.default.fileExists(atPath: folder.appendingPathComponent("sites.json5").path) {
      try FileManager.default.createFolder(folder)
      let dataset = SyntheticDataset(
        world: World(sites: count, seed: context.options.seed), perSite: perSite, testPerSite: testPerSite,
        size: size, format: .png, sweep: 0, captions: context.options.prompts.captions)
      try withoutTeams { try dataset.write(to: folder) }
    }
    return try SiteCatalog(at: folder)
  }
}

/// A training that both sides start with the same weights and the same images in the same order.
struct TrainingSession {
  let configuration: RunConfiguration
  let context: BenchmarkContext
  private let geometry: Geometry
  private let samples: [Sample]
  private let folder: URL

  /// Writes the weights and settings.
  init(
    _ context: BenchmarkContext, _ geometry: Geometry, _ samples: [Sample],
    _ change: (inout RunConfiguration) -> Void
  ) throws {
    (self.context, self.geometry, self.samples) = (context, geometry, samples)
    var configuration = BenchmarkSettings.configuration(geometry, seed: context.options.seed)
    configuration.sources = Set(samples.map(\.site)).sorted()
    configuration.device = context.options.device
    change(&configuration)
    self.configuration = configuration
    folder = try context.folder("training-\(UUID().uuidString)")
    let system = try BenchmarkSettings.system(configuration, context, geometry)
    try SafetensorsFile.write(system.state().merging(system.model.text.tensors) { $1 }, to: weights)
    try BenchmarkSettings.write(configuration, geometry, to: settings)
  }

  /// Removes the written files, which include several copies of the weights.
  func remove() { try? FileManager.default.removeItem(at: folder) }

  private var weights: URL { folder.appendingPathComponent("start.safetensors") }
  private var settings: URL { folder.appendingPathComponent("settings.json") }

  /// Makes our trainer, which waits for its turn.
  ///
  /// - Parameters:
  ///   - precision: its arithmetic.
  ///   - turn: the work of a turn.
  ///   - keeping: whether to cache the features of the frozen tower.
  /// - Returns: the trainer on its own thread.
  /// - Throws: the errors of making the model.
  func trainer(_ precision: Precision, _ turn: GatedTrainer.Turn, keeping: Bool) throws -> GatedTrainer {
    var configuration = configuration
    configuration.precision = precision
    let system = try BenchmarkSettings.system(configuration, context, geometry)
    let bank = try withoutTeams { try SampleBank(samples, reader: configuration.reader) }
    let run = RunFolder(folder.appendingPathComponent("\(precision.rawValue)-\(keeping)"))
    try run.create()
    let trainer = try Trainer(
      configuration: configuration, system: system, run: run, training: bank,
      validation: SampleBank([], reader: configuration.reader), prompts: context.options.prompts,
      features: keeping
        ? FeatureStore(bank, system: system, cache: FeatureCache(folder.appendingPathComponent("cache")))
        : nil,
      resuming: false)
    return GatedTrainer(
      trainer, turn: turn, threads: context.options.threads, device: context.options.device)
  }

  /// Makes the request to the peer.
  func request(_ turn: GatedTrainer.Turn, epochs: Int) throws -> [String: JSONValue] {
    let orders = try (0..<epochs).map { epoch -> JSONValue in
      let generator = try Generator(seed: configuration.seed, for: "order", "\(epoch)")
      return .array(
        try Tensor.randomPermutation(samples.count, generator: generator).array(of: Int.self)
          .map(JSONValue.integer))
    }
    return [
      "settings": .string(settings.path), "weights": .string(weights.path),
      "threads": .integer(context.options.threads), "orders": .array(orders), "what": .string("\(turn)"),
      "folder": .string(folder.appendingPathComponent("peer").path),
      "samples": Self.samples(samples, context.options.prompts),
    ]
  }

  /// Returns samples with the numbers of their classes.
  static func samples(_ samples: [Sample], _ prompts: PromptSet) -> JSONValue {
    .array(
      samples.map { sample in
        .object([
          "image": .string(sample.image.path), "mask": .string(sample.mask?.path ?? ""),
          "class": .integer(sample.lesionClass.flatMap(prompts.classes.firstIndex(of:)) ?? -1),
        ])
      })
  }
}
