import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import SyntheticEndoscopy
import Torch
import Training

/// A run that trains in a second: rendered images of 32 px, batch 4, a CLIP of two layers.
package final class TinyRun {
  /// Three sites of forty images, eight others to score each on, and a sweep; rendered once for all tests.
  package static let data: Result<URL, any Error> = Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "training-data-\(ProcessInfo.processInfo.processIdentifier)")
    try? FileManager.default.removeItem(at: folder)
    try SyntheticDataset(
      world: World(sites: 3, seed: 1), perSite: 40, testPerSite: 8, size: 32, format: .png, sweep: 2,
      captions: { _, _ in [] }
    ).write(to: folder)
    atexit { try? FileManager.default.removeItem(at: TinyRun.data.get()) }
    return folder
  }

  /// Its sites.
  package static let sites: Result<[Site], any Error> = Result { try SiteCatalog(at: data.get()).sites }

  /// The words for endoscopy.
  package static let prompts: Result<PromptSet, any Error> = Result {
    try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
  }

  /// The name in settings of a CLIP of two layers with random weights.
  package static let clip = "random:\(Project.file("Configurations/vit-tiny-p8-64.json").path)"

  /// Where it is.
  package let run: RunFolder
  /// Its settings; change them before `trainer`.
  package var configuration: RunConfiguration

  /// Chooses a method; a folder is made by `trainer`.
  package init(method: MethodChoice = .mcdrl, epochs: Int = 4, methods: MethodRegistry = .builtIn) throws {
    run = RunFolder(
      FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)"))
    configuration = RunConfiguration(methods: methods)
    configuration.clip = Self.clip
    configuration.imageSize = 32
    configuration.batchSize = 4
    configuration.epochs = epochs
    configuration.seed = 7
    configuration.model.method = method
    configuration.mcdrlOptions.start = 0.25
    configuration.optimizer.towerLearningRate = 1e-3
    configuration.model.head.detailWidths = [8, 16]
    configuration.model.head.gridWidth = 16
  }

  deinit { try? FileManager.default.removeItem(at: run.url) }

  /// A trainer over twelve images and four for validation, with a system made anew.
  package func trainer(
    resuming: Bool = false, cachingFeatures: Bool = false, cache: FeatureCache? = nil,
    target: SampleBank? = nil, processes: Processes = .alone
  ) throws -> (trainer: Trainer, system: SegmentationSystem) {
    let prompts = try Self.prompts.get()
    let clip = try ClipLoader()(configuration)
    let system = try SegmentationSystem.fresh(configuration, prompts: prompts, clip: clip)
    try run.create()
    try run.write(configuration, to: run.configurationFile)
    try run.write(prompts, to: run.promptsFile)
    try run.write(ClipDescription(clip), to: run.clipFile)
    let inputs = try inputs()
    let all = SampleBank(
      inputs.training.samples + inputs.validation.samples, sharing: inputs.training, inputs.validation)
    let trainer = try Trainer(
      configuration: configuration, system: system, run: run, training: inputs.training,
      validation: inputs.validation, prompts: prompts,
      features: cachingFeatures
        ? FeatureStore(
          all, drawing: inputs.training, configuration, prompts, system: system,
          cache: cache ?? FeatureCache(run.url.appendingPathComponent("cache"))) : nil,
      target: target, resuming: resuming, processes: processes)
    return (trainer, system)
  }

  /// The twelve images to train on, and the four to choose the epoch by.
  package func inputs() throws -> (training: SampleBank, validation: SampleBank) {
    let sites = try Self.sites.get()
    let reader = SampleReader(size: configuration.imageSize)
    return (
      try SampleBank(Array(sites[0].samples[..<7] + sites[1].samples[..<5]), reader: reader),
      try SampleBank(Array(sites[1].samples.suffix(4)), reader: reader)
    )
  }

  /// Three images of the third site, at the network's size.
  package func strangers() throws -> Tensor {
    let samples = Array(try Self.sites.get()[2].samples.prefix(3))
    return try SampleBank(samples, reader: SampleReader(size: configuration.imageSize)).batch([0, 1, 2])
      .images
  }

  /// Opens what was trained.
  package func open() throws -> Run { try Run.open(at: run.url, methods: configuration.methods) }

  /// The finished run's system.
  package func trained(lazily: Bool = false) throws -> SegmentationSystem {
    try open().trainedSystem(lazily: lazily)
  }

  /// Trains until a number of steps is done in this process, then asks for a stop.
  package func train(stopAfter steps: Int, resuming: Bool = false) throws {
    let (trainer, _) = try trainer(resuming: resuming)
    let done = Collector<Double>()
    try trainer.train(
      TrainingProgress(
        { if case .step(_, _, _, let loss) = $0 { done.add(loss) } }, shouldStop: { done.count >= steps }))
  }

  /// The losses and choices of all epochs, without the times.
  package func metrics() throws -> [EpochMetrics] {
    try run.history().map { epoch in
      var metrics = epoch
      (metrics.seconds, metrics.waited) = (0, 0)
      return metrics
    }
  }

  /// The weights and moments that the state file holds.
  package func stateTensors() throws -> [String: [UInt8]] { try Self.tensors(run.stateFile) }

  /// The bytes of the tensors of a file, by name.
  package static func tensors(_ file: URL) throws -> [String: [UInt8]] {
    try SafetensorsFile(file).tensors().mapValues { try $0.withBytes { Array($0) } }
  }

  /// The loss of every step of a training from its start.
  package func losses(cachingFeatures: Bool, cache: FeatureCache? = nil) throws -> [Double] {
    let (trainer, _) = try trainer(cachingFeatures: cachingFeatures, cache: cache)
    let losses = Collector<Double>()
    try trainer.train(TrainingProgress { if case .step(_, _, _, let loss) = $0 { losses.add(loss) } })
    return losses.all
  }
}
