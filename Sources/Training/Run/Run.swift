import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Metrics
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
  public var configuration: RunConfiguration { settings.value }
  /// The prompts, with as many confounders as the run has.
  public let prompts: PromptSet
  /// The images of training, validation and test by name; nil for a split by chance.
  public let lists: ImageLists?
  /// The loader of its CLIP model.
  let clip: ClipLoader
  /// The settings, which change if the run chooses its rule of masks.
  let settings: RunSettings
  /// The model from `create`, until training takes it.
  private let fresh: OnceTaken<SegmentationSystem>
  /// The lock of the folder from `create` or from the caller, until training takes it.
  let lock: OnceTaken<FolderLock>
  /// The sites of the run's own data folder, so that their masks are looked at once.
  let ownCatalog = OnceMade<SiteCatalog>()

  init(
    _ folder: RunFolder, _ configuration: RunConfiguration, prompts: PromptSet, lists: ImageLists?,
    clip: ClipLoader, fresh: SegmentationSystem? = nil, lock: FolderLock? = nil
  ) {
    self.folder = folder
    settings = RunSettings(configuration)
    self.prompts = prompts
    self.lists = lists
    self.clip = clip
    self.fresh = OnceTaken(fresh)
    self.lock = OnceTaken(lock)
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
      folder, configuration, prompts: try PromptSet(contentsOf: folder.promptsFile),
      lists: try folder.lists(), clip: clip, lock: lock)
  }

  /// Keeps other processes out of the folder while a body trains in it.
  ///
  /// The lock that the run already has ends with the body, too. Of several processes the first one
  /// has the lock.
  ///
  /// - Throws: `FolderLockError` if another process uses the folder, or the error of the body.
  func locked<Result>(_ processes: Processes = .alone, _ body: () throws -> Result) throws -> Result {
    guard processes.isFirst else { return try body() }
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
    if folder.continues {
      return try SegmentationSystem.continuing(
        folder.initialWeightsFile, ClipDescription(folder), configuration, clip: clip)
    }
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
    try SegmentationSystem.trained(folder, modelSettings(), on: device, lazily: lazily, clip: clip)
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
final class OnceTaken<Value>: @unchecked Sendable {
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

/// The settings of a run, shared by threads.
final class RunSettings: @unchecked Sendable {
  private let lock = NSLock()
  private var settings: RunConfiguration

  init(_ settings: RunConfiguration) { self.settings = settings }

  /// The present settings.
  var value: RunConfiguration { lock.withLock { settings } }

  /// Replaces the rule of masks.
  func set(_ rule: MaskRule) { lock.withLock { settings.inference.rule = rule } }
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
