import Foundation
import Segmentation
import Storage
import Torch

/// The mean of the weights of runs (model soups: Wortsman et al., ICML 2022).
///
/// Tensors that are equal in all runs, as those of a frozen tower, stay as they are. Statistics of
/// batch normalisations are averaged, as by `averaging`, and not estimated again. Whole numbers are
/// those of the first run.
struct WeightMean {
  /// The tensors of the weights file.
  let tensors: [String: Tensor]
  /// The free text of the weights file.
  let metadata: [String: String]

  /// Averages the weights of runs.
  ///
  /// - Parameter runs: trained runs, at least one.
  /// - Throws: `EnsembleError` if the weights have no mean, or an error that names a file.
  init(of runs: [Run]) throws {
    let files = try runs.map { try SafetensorsFile($0.folder.weightsFile) }
    let all = try files.map { file in
      Dictionary(
        try file.tensors().map { (EarlierNames.tensorKey($0.key), $0.value) },
        uniquingKeysWith: { first, _ in first })
    }
    let first = (run: runs[0], tensors: all[0])
    for (run, own) in zip(runs, all).dropFirst() {
      let names = Set(own.keys).union(first.tensors.keys).sorted().filter { name in
        guard let one = own[name], let other = first.tensors[name] else { return true }
        return one.shape != other.shape || one.dtype != other.dtype
      }
      guard names.isEmpty else {
        throw EnsembleError.otherTensors(run.folder.url, first: first.run.folder.url, names: names)
      }
    }
    try Self.requireSameReading(runs, files)
    try Self.requireSameAncestor(runs, all)
    try Self.requireSameWords(runs, all)
    metadata = files[0].metadata
    tensors = try Dictionary(
      uniqueKeysWithValues: first.tensors.map { name, tensor in
        (name, try Self.mean(all.map { $0[name] ?? tensor }))
      })
  }

  /// Averages tensors of one shape and type, in float64.
  ///
  /// - Parameter tensors: at least one.
  /// - Returns: the mean in the type of the first; the first itself if all are equal, or whole numbers.
  /// - Throws: `TorchError` if the shapes differ.
  static func mean(_ tensors: [Tensor]) throws -> Tensor {
    let first = tensors[0]
    let isReal = [DType.float32, .float64, .float16, .bfloat16].contains(first.dtype)
    guard isReal, try !tensors.dropFirst().allSatisfy({ try $0.isEqual(to: first) }) else { return first }
    var sum = try first.to(.float64)
    for other in tensors.dropFirst() { sum = try sum + other.to(.float64) }
    return try (sum / Double(tensors.count)).to(first.dtype)
  }

  /// Checks that the runs compute alike: method, words of learned prompts, intervention.
  private static func requireSameReading(_ runs: [Run], _ files: [SafetensorsFile]) throws {
    let first = runs[0]
    for (run, file) in zip(runs, files).dropFirst() {
      func refuse(_ what: String) -> EnsembleError {
        .otherReading(run.folder.url, first: first.folder.url, what: what)
      }
      guard run.configuration.model == first.configuration.model else {
        throw refuse("the settings of model")
      }
      guard run.prompts == first.prompts else { throw refuse("the prompts (prompts.json5)") }
      let (own, wanted) = (file.metadata, files[0].metadata)
      for (key, what) in [
        (SegmentationSystem.wordsKey, "the names of the classes"),
        (SegmentationSystem.textTowerKey, "the weights of the text tower"),
      ] where own[key] != wanted[key] {
        throw refuse(what)
      }
      let key = SegmentationSystem.interventionKey
      guard (own[key] ?? "true") == (wanted[key] ?? "true") else {
        throw refuse(
          "whether inference intervenes (the chosen epoch lies before model.options.start in one)")
      }
    }
  }

  /// Checks that the trainings began with the same weights.
  private static func requireSameAncestor(_ runs: [Run], _ all: [[String: Tensor]]) throws {
    let first = try runs[0].folder.fingerprint()?.weights
    for (run, own) in zip(runs, all).dropFirst() {
      guard let first, try run.folder.fingerprint()?.weights == first else {
        // Frozen tensors that differ name the cause.
        let isFrozen = run.configuration.tunedPart == .none
        let names = try own.keys.sorted().filter { name in
          guard isFrozen, name.hasPrefix(SegmentationSystem.towerPrefix) else { return false }
          return try all[0][name].map { try !$0.isEqual(to: own[name] ?? $0) } ?? false
        }
        throw EnsembleError.otherAncestor(run.folder.url, first: runs[0].folder.url, frozen: names)
      }
    }
  }

  /// Checks that the embedded prompts are the same, unless the method reads none.
  private static func requireSameWords(_ runs: [Run], _ all: [[String: Tensor]]) throws {
    let model = runs[0].configuration.model
    if model.method.name == Baseline.name || model.method.traits.ignoresTower { return }
    for (run, own) in zip(runs, all).dropFirst() {
      let names = try own.keys.sorted().filter { name in
        guard name.hasPrefix("text."), let wanted = all[0][name] else { return false }
        return try own[name].map { try !$0.isEqual(to: wanted) } ?? false
      }
      guard names.isEmpty else {
        throw EnsembleError.otherReading(
          run.folder.url, first: runs[0].folder.url,
          what: "the embedded prompts (\(names.joined(separator: ", ")))")
      }
    }
  }
}

/// The weights of the members of an ensemble of outputs; the tower's are stored once if all are equal.
struct MemberWeights {
  private let files: [SafetensorsFile]
  /// The names of the shared tensors.
  private let shared: Set<String>

  /// Opens the weights of runs, and compares those of their towers.
  ///
  /// - Throws: an error that names a file.
  init(_ runs: [Run]) throws {
    let files = try runs.map { try SafetensorsFile($0.folder.weightsFile) }
    self.files = files
    let names = files[0].entries.keys.filter {
      EarlierNames.tensorKey($0).hasPrefix(SegmentationSystem.towerPrefix)
    }
    shared = try Set(
      names.filter { name in
        guard let first = try files[0].tensor(name) else { return false }
        return try files.dropFirst().allSatisfy { file in
          guard let other = try file.tensor(name) else { return false }
          return try other.dtype == first.dtype && other.shape == first.shape && other.isEqual(to: first)
        }
      })
  }

  /// Writes the shared tensors, and the others of each member.
  ///
  /// - Parameters:
  ///   - places: the folders of the members.
  ///   - folder: the folder of the ensemble.
  /// - Throws: `FileError` that names the file.
  func write(to places: [RunFolder], of folder: RunFolder) throws {
    if !shared.isEmpty {
      try SafetensorsFile.write(
        files[0].tensors().filter { shared.contains($0.key) }, metadata: ["format": "mcdrl-run-shared"],
        to: folder.sharedWeightsFile)
    }
    for (place, file) in zip(places, files) {
      try SafetensorsFile.write(
        file.tensors().filter { !shared.contains($0.key) }, metadata: file.metadata, to: place.weightsFile)
    }
  }
}
