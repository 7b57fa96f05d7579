import CLIP
import Confounders
import Foundation
import Segmentation
import Storage
import Torch

extension SegmentationSystem {
  /// Makes a system with its initial weights on the device of the settings.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - prompts: the prompts, of which the run uses the settings' number of confounders.
  ///   - clip: the CLIP model of `configuration.clip`.
  /// - Returns: the untrained system.
  /// - Throws: `CLIPError`, `TorchError`, `MethodError` or `RunError` that name the file or
  ///   setting.
  package static func fresh(
    _ configuration: RunConfiguration, prompts: PromptSet, clip: CLIPModel
  ) throws -> SegmentationSystem {
    try RunChecks.requireTower(configuration, of: clip)
    try RunChecks.requireWords(configuration, of: clip)
    if configuration.statistics == .batch { clip.vision.learnsStatistics = true }
    let text = try TextEmbeddings(prompts.limited(to: configuration.confounders)) {
      try clip.textFeatures($0)
    }
    let system = try SegmentationSystem(
      tower: clip.vision, mean: clip.preparation.mean, deviation: clip.preparation.deviation, text: text,
      textEncoder: TextEncoder(clip), configuration: configuration)
    if configuration.interventions.prior == .described {
      let phrases = try TextEmbeddings.embedded(configuration.interventions.phrases, in: prompts) {
        try clip.textFeatures($0)
      }
      try system.model.dictionary.setPrior(
        ConfounderDictionary.describedPrior(phrases: phrases, embeddings: text.confounders))
    }
    try system.move(to: configuration.device)
    return system
  }

  /// Loads the system of a finished run with the chosen weights, in evaluation mode.
  ///
  /// - Parameters:
  ///   - run: the run folder.
  ///   - configuration: its settings.
  ///   - device: the device of the computation, which need not be that of the training.
  ///   - lazily: whether weights stay in the run's file until their use; `Module.adopt` gives the
  ///     conditions for the file.
  ///   - clip: loads the CLIP model for a method that needs the text tower. Other methods need
  ///     none.
  ///   - shared: the file of the weights that a member of an ensemble shares with others; nil for none.
  /// - Returns: the system.
  /// - Throws: an error that names the missing or wrong file of the run, or the CLIP model.
  package static func trained(
    _ run: RunFolder, _ configuration: RunConfiguration, on device: Device = .cpu, lazily: Bool = false,
    clip: ClipLoader = ClipLoader(), shared: URL? = nil
  ) throws -> SegmentationSystem {
    let description = try ClipDescription(run)
    guard FileManager.default.fileExists(atPath: run.weightsFile.path) else {
      throw RunError.noWeights(run.weightsFile)
    }
    let text = configuration.model.method.traits.needsTextTower ? TextEncoder(try clip(configuration)) : nil
    let system = try stored(
      run.weightsFile, description, configuration, lazily: lazily, textEncoder: text, shared: shared)
    try system.move(to: device)
    return system
  }

  /// Loads the system of a weights file, in evaluation mode, on the CPU.
  ///
  /// - Parameters:
  ///   - weights: the weights file of a run.
  ///   - description: the CLIP model of the run.
  ///   - configuration: the settings of the run.
  ///   - lazily: whether weights stay in the file until their use; `Module.adopt` gives the
  ///     conditions for the file.
  ///   - textEncoder: the text tower, for methods that learn prompts.
  ///   - learnsStatistics: whether training updates the statistics of the tower's normalisations.
  ///   - shared: the file of further weights; nil for none.
  /// - Returns: the system.
  /// - Throws: an error that names the file, or the CLIP model if its text tower is another one.
  package static func stored(
    _ weights: URL, _ description: ClipDescription, _ configuration: RunConfiguration, lazily: Bool,
    textEncoder: TextEncoder? = nil, learnsStatistics: Bool = false, shared: URL? = nil
  ) throws -> SegmentationSystem {
    let file = try SafetensorsFile(weights)
    let others = try shared.map { try SafetensorsFile($0).tensors() } ?? [:]
    let tensors = Dictionary(
      try file.tensors().merging(others) { own, _ in own }.map { (EarlierNames.tensorKey($0.key), $0.value) },
      uniquingKeysWith: { first, _ in first })
    // They are not parameters of the module, so nothing copies them later.
    let embedded = try tensors.filter { $0.key.hasPrefix("text.") }.mapValues { try $0.copy() }
    guard var text = TextEmbeddings(tensors: embedded) else { throw RunError.noPrompts(weights) }
    if let json = file.metadata[SegmentationSystem.wordsKey] {
      guard let words = ClassWords(json: json), try words.classes.count == text.classes.size(0) else {
        throw RunError.otherWords(weights)
      }
      text.words = words
    }
    let tower = try ImageTower.unset(
      description.geometry.vision, projectionSize: description.geometry.projectionSize)
    if learnsStatistics { tower.learnsStatistics = true }
    let system: SegmentationSystem
    do {
      try RunChecks.requireScales(configuration, of: tower)
      system = try SegmentationSystem(
        tower: tower, mean: description.preparation.mean, deviation: description.preparation.deviation,
        text: text, textEncoder: textEncoder, configuration: configuration)
    } catch MethodError.needsWords(let method) {
      throw RunError.noWords(weights, method: method)
    } catch
      where error is HeadError || error is MethodError || error is TorchError
      || error is SettingsError
    {
      throw RunError.impossibleModel(
        RunFolder(weights.deletingLastPathComponent()).configurationFile, reason: "\(error)")
    }
    // The learned words mean something to their own text tower alone. Earlier files have no hash.
    if let hash = file.metadata[SegmentationSystem.textTowerKey], let own = try system.textTowerHash(),
      own != hash
    {
      throw RunError.otherTextTower(clip: try configuration.clipOfSite ?? "clip", weights)
    }
    let take = lazily ? system.adopt : system.load
    try take(tensors, weights.path) { $0.hasPrefix("text.") }
    system.intervenes = file.metadata[SegmentationSystem.interventionKey] != "false"
    system.train(false)
    return system
  }

  /// The entry of a weights file that says whether inference intervenes; earlier files lack it.
  static let interventionKey = "intervenes"
  /// The beginning of the keys of the tower's weights.
  static let towerPrefix = "tower."
  /// The entry with the words of the classes, for a method that learns prompts.
  static let wordsKey = "words"
  /// The entry with the hash of the text tower, for a method that needs it.
  static let textTowerKey = "textTower"

  /// Writes all weights, the embedded prompts, and whether inference intervenes.
  ///
  /// For a method that needs the text tower, it also writes the words of the classes and the hash
  /// of the tower.
  ///
  /// - Throws: `FileError` that names the file, or `TorchError` if the tower cannot be read.
  func saveWeights(to file: URL) throws {
    let tensors = state().merging(model.text.tensors) { first, _ in first }
    var metadata = ["format": "mcdrl-run", Self.interventionKey: "\(intervenes)"]
    if model.configuration.method.traits.needsTextTower {
      metadata[Self.wordsKey] = try model.text.words?.json
      metadata[Self.textTowerKey] = try textTowerHash()
    }
    try SafetensorsFile.write(tensors, metadata: metadata, to: file)
  }
}

/// A loader of the CLIP model in settings, which may be an image trunk without words.
public struct ClipLoader: Sendable {
  private let load: @Sendable (RunConfiguration) throws -> CLIPModel
  /// Maps a name to a folder, or to `random:FILE`; nil for a loader that makes its model itself.
  private let locate: (@Sendable (String) throws -> String)?

  /// Makes a loader that uses names directly: a folder, or `random:FILE`.
  public init() { self.init { $0 } }

  /// Makes a loader that maps names to a folder or file.
  ///
  /// - Parameter locate: maps a name to a folder, or to `random:FILE`.
  public init(_ locate: @escaping @Sendable (String) throws -> String) {
    self.locate = locate
    load = { configuration in
      guard let name = try configuration.clipOfSite else { throw RunError.needsClip }
      let place = try locate(name)
      if let trunk = try TrunkFolder.found(in: URL(fileURLWithPath: place)) {
        return try .wordless(trunk, seed: configuration.seed)
      }
      return try CLIPModel.load(place, seed: configuration.seed)
    }
  }

  /// Makes a loader from a function.
  ///
  /// - Parameter load: maps settings to a new model, which may be tuned.
  public init(making load: @escaping @Sendable (RunConfiguration) throws -> CLIPModel) {
    self.load = load
    locate = nil
  }

  /// Returns the folder of the model in settings; nil for random weights, or if there is none.
  package func folder(_ configuration: RunConfiguration) -> URL? {
    guard let locate, let name = try? configuration.clipOfSite, let place = try? locate(name) else {
      return nil
    }
    let url = NativePath.url(place)
    return FileSystem.kind(of: url) == .folder ? url : nil
  }

  /// Loads the model; random weights follow from the seed of the settings.
  ///
  /// - Parameter configuration: the settings.
  /// - Returns: the model.
  /// - Throws: `RunError.needsClip`, or an error that names the file.
  public func callAsFunction(_ configuration: RunConfiguration) throws -> CLIPModel {
    try load(configuration)
  }
}
