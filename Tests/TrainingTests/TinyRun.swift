import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import SyntheticEndoscopy
import Testing
import Torch

@testable import Training

/// Tests that train.
@Suite("Training runs")
struct TrainingRuns {}

/// A run that trains in a second: rendered images of 32 px, batch 4, a CLIP of two layers.
final class TinyRun {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Three sites of forty images, eight others to score each on, and a sweep; rendered once for all tests.
  static let data: Result<URL, any Error> = Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "training-data-\(ProcessInfo.processInfo.processIdentifier)")
    try? FileManager.default.removeItem(at: folder)
    try SyntheticDataset(
      world: World(sites: 3, seed: 1), perSite: 40, testPerSite: 8, size: 32, format: .png, sweep: 2,
      captions: { _, _ in [] }
    ).write(to: folder)
    return folder
  }

  /// Its sites.
  static let sites: Result<[Site], any Error> = Result { try SiteCatalog(at: data.get()).sites }

  let run: RunFolder
  var configuration = RunConfiguration()

  init(method: Method = .mcdrl, epochs: Int = 4) throws {
    run = RunFolder(
      FileManager.default.temporaryDirectory.appendingPathComponent("training-\(UUID().uuidString)"))
    configuration.clip = "random:\(Self.root.path)/Configurations/vit-tiny-p8-64.json"
    configuration.imageSize = 32
    configuration.batchSize = 4
    configuration.epochs = epochs
    configuration.seed = 7
    configuration.interventionStart = 0.25
    configuration.model.method = method
    if !method.intervenes { configuration.interventions.share = 0 }
    configuration.optimizer.towerLearningRate = 1e-3
    for assignment in ["model.head.detailWidths=[8,16]", "model.head.gridWidth=16"] {
      try configuration.set(assignment)
    }
  }

  deinit { try? FileManager.default.removeItem(at: run.url) }

  /// A trainer over twelve images and four for validation, with a system made anew.
  func trainer(
    resuming: Bool = false, keepsFeatures: Bool = false, cache: FeatureCache? = nil
  ) throws -> (trainer: Trainer, system: SegmentationSystem) {
    let prompts = try PromptSet(contentsOf: Self.root.appendingPathComponent("Prompts/endoscopy.json5"))
    let clip = try CLIPModel.load(configuration.clip, seed: configuration.seed)
    let system = try RunAssembly.fresh(configuration, prompts: prompts, clip: clip)
    try run.create()
    try run.write(configuration, to: run.configurationFile)
    try run.write(ClipDescription(clip), to: run.clipFile)
    let sites = try Self.sites.get()
    let reader = SampleReader(size: configuration.imageSize)
    let training = try SampleBank(Array(sites[0].samples[..<7] + sites[1].samples[..<5]), reader: reader)
    let validation = try SampleBank(Array(sites[1].samples.suffix(4)), reader: reader)
    let all = SampleBank(training.samples + validation.samples, sharing: training, validation)
    let trainer = try Trainer(
      configuration: configuration, system: system, run: run, training: training, validation: validation,
      prompts: prompts,
      features: keepsFeatures
        ? FeatureStore(
          all, drawing: training, configuration, prompts, system: system,
          cache: cache ?? FeatureCache(run.url.appendingPathComponent("cache"))) : nil,
      resuming: resuming)
    return (trainer, system)
  }

  /// Trains until a number of steps is done in this process, then asks for a stop.
  func train(stopAfter steps: Int, resuming: Bool = false) throws {
    let (trainer, _) = try trainer(resuming: resuming)
    let counter = StepCounter()
    var progress = TrainingProgress()
    progress.step = { _, _, _, _ in counter.add() }
    progress.shouldStop = { counter.count >= steps }
    try trainer.train(progress)
  }

  /// The losses and choices of all epochs, without the times.
  func metrics() throws -> [EpochMetrics] {
    try String(contentsOf: run.metricsFile, encoding: .utf8).split(separator: "\n").map { line in
      var metrics = try JSONDecoder().decode(EpochMetrics.self, from: Data(line.utf8))
      (metrics.seconds, metrics.waited) = (0, 0)
      return metrics
    }
  }

  /// The weights and moments that the state file holds.
  func stateTensors() throws -> [String: [UInt8]] {
    try SafetensorsFile(run.stateFile).tensors().mapValues { try $0.withBytes { Array($0) } }
  }

  /// The loss of every step of a training from its start.
  func losses(keepsFeatures: Bool, cache: FeatureCache? = nil) throws -> [Double] {
    let (trainer, _) = try trainer(keepsFeatures: keepsFeatures, cache: cache)
    let log = Losses()
    var progress = TrainingProgress()
    progress.step = { _, _, _, loss in log.add(loss) }
    try trainer.train(progress)
    return log.all
  }

  private final class Losses: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Double] = []
    var all: [Double] { lock.withLock { values } }
    func add(_ loss: Double) { lock.withLock { values.append(loss) } }
  }

  private final class StepCounter: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0
    var count: Int { lock.withLock { value } }
    func add() { lock.withLock { value += 1 } }
  }
}

/// The text of the error that a closure throws, empty when it throws none.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}
