import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Torch

/// One run: a folder with settings, words, weights and metrics, and everything that is done with them.
///
/// The order in which the folder's files come into being stands here alone: `create` writes words, CLIP geometry and
/// fingerprint, and the settings last, which make the folder a run; `train` writes state, weights and metrics.
///
/// ```swift
/// let run = try Run.create(at: out, data: sites, holdOut: "c3", clip: .folder(clip), prompts: .endoscopy) { $0.epochs = 20 }
/// try run.train { print($0) }
/// let mask = try run.predictor().mask(of: image)
/// ```
public final class Run: Sendable {
  /// The files.
  package let folder: RunFolder
  /// Every setting, resolved.
  public let configuration: RunConfiguration
  /// The words, as many confounders as the run has.
  public let prompts: PromptSet
  private let clip: ClipLoader
  /// The model that `create` made, until training takes it.
  private let fresh: OnceTaken<SegmentationSystem>

  init(
    _ folder: RunFolder, _ configuration: RunConfiguration, prompts: PromptSet, clip: ClipLoader,
    fresh: SegmentationSystem? = nil
  ) {
    self.folder = folder
    self.configuration = configuration
    self.prompts = prompts
    self.clip = clip
    self.fresh = OnceTaken(fresh)
  }

  /// Makes a run in a folder of its own; nothing is trained yet.
  ///
  /// - Parameters:
  ///   - url: the folder; it must not hold a run.
  ///   - data: the sites.
  ///   - holdOut: the site that takes no part in training.
  ///   - clip: the CLIP model.
  ///   - prompts: the words.
  ///   - methods: the methods that the settings may name.
  ///   - settings: changes the defaults; the image size starts from the CLIP model's own.
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
    // Random weights follow from the seed, which the settings may have changed.
    let isSame = (draft.clip, draft.seed) == (name, seed)
    return try create(
      at: RunFolder(url), draft, data: data, prompts: prompts, model: isSame ? model : nil)
  }

  /// Makes a run from complete settings.
  ///
  /// - Parameters:
  ///   - folder: the folder; a run without a saved state in it is begun anew.
  ///   - configuration: the settings; without `sources` all sites but the held-out one are trained on.
  ///   - data: the sites.
  ///   - prompts: the words; as many confounders as the settings say are taken.
  ///   - promptsFile: where the words were read, for messages.
  ///   - model: the CLIP model that the settings name; nil loads it.
  ///   - clip: loads the CLIP model.
  ///   - hashes: of the sources' data, where they were computed before.
  /// - Throws: an error that names the folder, the site or the setting.
  package static func create(
    at folder: RunFolder, _ configuration: RunConfiguration, data: SiteCatalog, prompts: PromptSet,
    promptsFile: URL? = nil, model: CLIPModel? = nil, clip: ClipLoader = ClipLoader(),
    hashes: [String: String]? = nil
  ) throws -> Run {
    guard !folder.hasState else { throw RunError.exists(folder.url) }
    var configuration = configuration
    try configuration.validate()
    let sources = try RunChecks.sources(data, configuration)
    configuration.sources = sources.map(\.name)
    try RunChecks.requireClasses(sources, prompts, in: data.folder)
    try RunChecks.requireMechanisms(configuration, prompts, in: promptsFile?.path ?? "the prompts")
    let words = try prompts.limited(to: configuration.confounders)
    let model = try model ?? clip(configuration)
    let system = try SegmentationSystem.fresh(configuration, prompts: prompts, clip: model)
    try folder.create()
    try folder.write(words, to: folder.promptsFile)
    try folder.write(ClipDescription(model), to: folder.clipFile)
    try folder.write(
      Fingerprint(data: hashes ?? Fingerprint.data(sources), system: system), to: folder.fingerprintFile)
    // Last, because it makes the folder a run: from here on training resumes, before that it begins anew.
    try folder.write(configuration, to: folder.configurationFile)
    return Run(folder, configuration, prompts: words, clip: clip, fresh: system)
  }

  /// Opens a run.
  ///
  /// - Parameters:
  ///   - url: its folder.
  ///   - methods: the methods that its settings may name.
  ///   - clip: loads its CLIP model, to train on or for a method that needs the text tower.
  ///   - changes: changes that shape no weights, such as where the data is now.
  /// - Throws: an error that names the file that is missing or cannot be read.
  public static func open(
    at url: URL, methods: MethodRegistry = .builtIn, clip: ClipLoader = ClipLoader(),
    changes: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> Run {
    let folder = RunFolder(url)
    var configuration = try folder.configuration(methods: methods)
    try changes(&configuration)
    return Run(folder, configuration, prompts: try PromptSet(contentsOf: folder.promptsFile), clip: clip)
  }

  /// The metrics of the finished epochs.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  public func history() throws -> [EpochMetrics] { try folder.history() }

  /// The model with the weights that training starts from.
  package func freshSystem() throws -> SegmentationSystem {
    if let system = fresh.take() { return system }
    let model = try clip(configuration)
    // The description follows from the CLIP model, so a damaged one can be mended.
    if (try? ClipDescription(folder)) == nil {
      try folder.write(ClipDescription(model), to: folder.clipFile)
    }
    return try SegmentationSystem.fresh(configuration, prompts: prompts, clip: model)
  }

  /// The model with the weights that validation chose, in evaluation mode.
  ///
  /// - Parameters:
  ///   - device: where to compute, whatever it was trained on.
  ///   - lazily: whether weights stay in the run's file until they are used.
  package func trainedSystem(on device: Device = .cpu, lazily: Bool = false) throws -> SegmentationSystem {
    try SegmentationSystem.trained(folder, configuration, on: device, lazily: lazily, clip: clip)
  }
}

/// A value that is taken once.
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

/// The CLIP model of a new run.
public enum ClipSource: Sendable {
  /// A folder as Hugging Face or OpenCLIP publish it.
  case folder(URL)
  /// Random weights of the geometry in a file.
  case random(URL)

  /// The name in settings.
  package var name: String {
    switch self {
    case .folder(let url): url.path
    case .random(let url): "random:\(url.path)"
    }
  }

  /// Defaults that follow from where the tower's weights come from.
  package func adapt(_ configuration: inout RunConfiguration) {
    if case .random = self { configuration.adaptToRandomWeights() }
  }
}

extension RunConfiguration {
  /// Random weights learn everything, at a rate of their own; trained ones only adapt.
  package mutating func adaptToRandomWeights() {
    tune = .all
    optimizer.towerLearningRate = 5e-4
  }
}
