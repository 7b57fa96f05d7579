import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Torch

/// A run: a folder with settings, prompts, weights and metrics, and the operations on them.
///
/// Only this type defines the order of the folder's files. `create` writes prompts, CLIP geometry,
/// hashes and provenance, and last the settings, which make it a run. `train` writes the others.
///
/// ```swift
/// let sites = try SiteCatalog(at: data)
/// let run = try Run.create(
///   at: out, data: sites, holdOut: "site-c", clip: .folder(clip), prompts: .endoscopy
/// ) { $0.epochs = 10 }
/// try run.train { print($0) }
/// print(try run.evaluate(on: sites["site-c"]))
/// try run.predictor().mask(of: URL(filePath: "new.png")).write(to: URL(filePath: "mask.png"))
/// ```
public final class Run: Sendable {
  /// The files.
  package let folder: RunFolder
  /// All settings, resolved.
  public let configuration: RunConfiguration
  /// The prompts, with as many confounders as the run has.
  public let prompts: PromptSet
  private let clip: ClipLoader
  /// The model from `create`, until training takes it.
  private let fresh: OnceTaken<SegmentationSystem>
  /// The lock of the folder from `create` or from the caller, until training takes it.
  private let lock: OnceTaken<FolderLock>
  /// The sites of the run's own data folder, so that their masks are looked at once.
  let ownCatalog = OnceMade<SiteCatalog>()

  init(
    _ folder: RunFolder, _ configuration: RunConfiguration, prompts: PromptSet, clip: ClipLoader,
    fresh: SegmentationSystem? = nil, lock: FolderLock? = nil
  ) {
    self.folder = folder
    self.configuration = configuration
    self.prompts = prompts
    self.clip = clip
    self.fresh = OnceTaken(fresh)
    self.lock = OnceTaken(lock)
  }

  /// Creates an untrained run in its own folder.
  ///
  /// The run keeps other processes out of the folder until the end of its training, or as long as
  /// the value lives.
  ///
  /// - Parameters:
  ///   - url: the folder; it must not hold a run.
  ///   - data: the sites.
  ///   - holdOut: the site that is excluded from training.
  ///   - clip: the CLIP model.
  ///   - prompts: the prompts.
  ///   - methods: the methods that the settings may name.
  ///   - settings: changes the defaults. The default image size is the CLIP model's own.
  /// - Returns: the run.
  /// - Throws: an error that names the folder, the site or the setting.
  public static func create(
    at url: URL, data: SiteCatalog, holdOut: String, clip: ClipSource, prompts: PromptSet,
    methods: MethodRegistry = .builtIn, settings: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    var draft = RunConfiguration(methods: methods)
    (draft.data, draft.holdOut, draft.clip) = (data.location.path, holdOut, clip.name)
    clip.adapt(&draft)
    let model = try ClipLoader()(draft)
    draft.imageSize = model.configuration.vision.imageSize
    let (name, seed) = (draft.clip, draft.seed)
    try settings(&draft)
    // Random weights follow from the seed, which the closure may have changed.
    let isSame = (draft.clip, draft.seed) == (name, seed)
    return try create(
      at: RunFolder(url), draft, data: data, prompts: prompts, model: isSame ? model : nil)
  }

  /// Creates a run from complete settings.
  ///
  /// - Parameters:
  ///   - folder: the folder. A run without a saved state in it is restarted.
  ///   - configuration: the settings. Without `sources`, all sites except the held-out one are
  ///     training sites.
  ///   - data: the sites.
  ///   - prompts: the prompts, of which the run uses the settings' number of confounders.
  ///   - promptsFile: the file of the prompts, for messages.
  ///   - model: the CLIP model of the settings; nil loads it.
  ///   - clip: loads the CLIP model.
  ///   - hashes: the hashes of the sources' data, if already computed.
  ///   - lock: the lock of the folder, which the run keeps to the end of its training; nil takes it.
  /// - Returns: the run, not yet trained.
  /// - Throws: an error that names the folder, the site or the setting.
  package static func create(
    at folder: RunFolder, _ configuration: RunConfiguration, data: SiteCatalog, prompts: PromptSet,
    promptsFile: URL? = nil, model: CLIPModel? = nil, clip: ClipLoader = ClipLoader(),
    hashes: DataHashes? = nil, lock: FolderLock? = nil
  ) throws -> Run {
    let lock = try lock ?? FolderLock(folder.url)
    guard !folder.hasState else { throw RunError.exists(folder.url) }
    // A finished run whose state is gone must not get other settings beside its weights.
    try folder.requireResumable(finished: 0)
    var configuration = configuration.resolved
    try configuration.validate()
    let sources = try RunChecks.sources(data, configuration)
    configuration.sources = sources.map(\.name)
    try RunChecks.requireClasses(sources, prompts, in: data.folder)
    try RunChecks.requireLesions(sources, configuration.reader.limits, in: data.folder)
    try RunChecks.requireMechanisms(configuration, prompts, in: promptsFile?.path ?? "the prompts")
    let words = try prompts.limited(to: configuration.confounders)
    let model = try model ?? clip(configuration)
    let system = try SegmentationSystem.fresh(configuration, prompts: prompts, clip: model)
    try folder.create()
    try folder.write(words, to: folder.promptsFile)
    try folder.write(ClipDescription(model), to: folder.clipFile)
    let fingerprint = try Fingerprint(
      data: hashes ?? DataHashes(sources, .training), sources: configuration.sources, system: system)
    try folder.write(fingerprint, to: folder.fingerprintFile)
    try folder.write(Provenance(sources, configuration, clip: clip), to: folder.provenanceFile)
    // This is last, because it makes the folder a run: training resumes after it and restarts
    // before it.
    try folder.write(configuration, to: folder.configurationFile)
    let run = Run(folder, configuration, prompts: words, clip: clip, fresh: system, lock: lock)
    _ = try run.ownCatalog { data }
    return run
  }

  /// Opens a run.
  ///
  /// - Parameters:
  ///   - url: its folder.
  ///   - methods: the methods that its settings may name.
  ///   - clip: loads its CLIP model, to train on or for a method that needs the text tower.
  ///   - changes: changes of `data`, `clip`, `device`, `maxPixels` and `inference`, which shape no weights.
  /// - Returns: the run.
  /// - Throws: an error that names the file that is missing or cannot be read, `SettingsError` for a value
  ///   out of range, `RunError.otherSettings` for a change of another setting.
  public static func open(
    at url: URL, methods: MethodRegistry = .builtIn, clip: ClipLoader = ClipLoader(),
    changes: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    try open(at: url, methods: methods, clip: clip, lock: nil, changes: changes)
  }

  /// Opens a run whose folder the caller has locked.
  ///
  /// - Parameters:
  ///   - url: its folder.
  ///   - methods: the methods that its settings may name.
  ///   - clip: loads its CLIP model.
  ///   - lock: the lock of the folder, which the run keeps to the end of its training.
  ///   - changes: changes of settings that shape no weights.
  /// - Returns: the run.
  /// - Throws: as `open` without a lock.
  package static func open(
    at url: URL, methods: MethodRegistry = .builtIn, clip: ClipLoader = ClipLoader(), lock: FolderLock?,
    changes: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    let folder = RunFolder(url)
    let stored = try folder.configuration(methods: methods)
    do { try stored.validateValues() } catch {
      throw SettingsError.inFile(folder.configurationFile.path, reason: "\(error)")
    }
    var configuration = stored
    try changes(&configuration)
    try configuration.validateValues()
    try RunChecks.requireSameModel(configuration, as: stored, of: folder.url)
    return Run(
      folder, configuration, prompts: try PromptSet(contentsOf: folder.promptsFile), clip: clip, lock: lock)
  }

  /// Keeps other processes out of the folder while a body trains in it.
  ///
  /// The lock that the run already has ends with the body, too.
  ///
  /// - Throws: `FolderLockError` if another process uses the folder, or the error of the body.
  func locked<Result>(_ body: () throws -> Result) throws -> Result {
    let lock = try lock.take() ?? FolderLock(folder.url)
    defer { withExtendedLifetime(lock) {} }
    return try body()
  }

  /// Reads the metrics of the finished epochs.
  ///
  /// - Returns: the metrics of each epoch.
  /// - Throws: an error that names the file if it cannot be read.
  public func history() throws -> [EpochMetrics] { try folder.history() }

  /// Returns whether inference intervenes with the stored weights.
  ///
  /// It is false if they come from an epoch before the method's intervention starts.
  ///
  /// - Throws: an error that names the file of weights.
  package func intervenes() throws -> Bool {
    try configuration.model.method.traits.intervenes
      && SafetensorsFile(folder.weightsFile).metadata[SegmentationSystem.interventionKey] != "false"
  }

  /// Returns the model with its initial weights.
  package func freshSystem() throws -> SegmentationSystem {
    if let system = fresh.take() { return system }
    let model = try clip(configuration)
    // The description follows from the CLIP model, so a damaged one can be written again.
    if (try? ClipDescription(folder)) == nil {
      try folder.write(ClipDescription(model), to: folder.clipFile)
    }
    return try SegmentationSystem.fresh(configuration, prompts: prompts, clip: model)
  }

  /// Loads the model with its stored weights, in evaluation mode.
  ///
  /// - Parameters:
  ///   - device: the device of the computation, which need not be that of the training.
  ///   - lazily: whether weights stay in the run's file until their use.
  /// - Returns: the model.
  /// - Throws: an error that names the file of the run.
  package func trainedSystem(on device: Device = .cpu, lazily: Bool = false) throws -> SegmentationSystem {
    try SegmentationSystem.trained(folder, configuration, on: device, lazily: lazily, clip: clip)
  }

  /// Loads the model with its stored weights, compiled for inference.
  ///
  /// It reads weights layer by layer and does not need the run's file afterwards.
  ///
  /// - Parameters:
  ///   - device: the device of the computation, which need not be that of the training.
  ///   - precision: the arithmetic; nil for the run's own.
  /// - Returns: the compiled model.
  /// - Throws: an error that names the file of the run.
  package func compiledSystem(
    on device: Device = .cpu, for precision: Precision? = nil
  ) throws -> CompiledSystem {
    try trainedSystem(on: device, lazily: device == .cpu).compiled(for: precision)
  }
}

/// A value that can be taken once.
private final class OnceTaken<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value?

  init(_ value: Value?) { self.value = value }

  func take() -> Value? {
    lock.withLock {
      defer { value = nil }
      return value
    }
  }
}

/// A value that is made at the first request.
final class OnceMade<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value?

  /// Returns the value, which `make` makes the first time.
  ///
  /// - Throws: the error of `make`; the next request tries again.
  func callAsFunction(_ make: () throws -> Value) throws -> Value {
    try lock.withLock {
      let found = try value ?? make()
      value = found
      return found
    }
  }
}

/// The CLIP model of a new run.
public enum ClipSource: Sendable {
  /// A folder in the form of Hugging Face or OpenCLIP.
  case folder(URL)
  /// Random weights for the geometry in a file.
  case random(URL)

  /// The name in settings.
  package var name: String {
    switch self {
    case .folder(let url): url.path
    case .random(let url): "random:\(url.path)"
    }
  }

  /// Sets the defaults that depend on the source of the tower's weights.
  package func adapt(_ configuration: inout RunConfiguration) {
    if case .random = self { configuration.adaptToRandomWeights() }
  }
}

extension RunConfiguration {
  /// Trains the whole tower at a higher rate; trained weights only need adaptation.
  package mutating func adaptToRandomWeights() {
    tune = .all
    optimizer.towerLearningRate = 5e-4
  }
}
