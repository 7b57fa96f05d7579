import Foundation
import Storage
import Torch

/// The progress of a run, stored in one file with weights and moments, so that they always agree.
struct TrainingState: Codable {
  /// The current epoch, from 0.
  var epoch = 0
  /// The finished steps of the epoch.
  var step = 0
  /// The finished steps of all epochs.
  var totalSteps = 0
  /// The sums of the epoch's losses so far.
  var sums = LossSums()
  /// The seconds in this epoch before an interruption.
  var seconds = 0.0
  /// The metrics of the finished epochs.
  var history: [EpochMetrics] = []
  /// The best validation Dice so far.
  var best: Double?

  private static let key = "mcdrl.state"
  private static let frozenKey = "mcdrl.frozen"

  /// Writes everything for resuming, atomically, except frozen weights, which the run loads again.
  ///
  /// - Parameters:
  ///   - system: the system, whose weights are stored.
  ///   - optimizer: the optimiser, whose moments are stored.
  ///   - average: the mean of the weights; nil for none.
  ///   - frozenHash: `frozenWeightsHash()` of the system.
  ///   - url: the file.
  /// - Throws: `FileError` that names the file.
  func save(
    system: SegmentationSystem, optimizer: AdamW, average: (any WeightAverage)?, frozenHash: String,
    to url: URL
  ) throws {
    var tensors = try average?.state ?? [:]
    let frozen = try system.frozenWeights()
    for (key, tensor) in system.state() where frozen[key] == nil { tensors["weights." + key] = tensor }
    for (key, tensor) in optimizer.state() { tensors["optimizer." + key] = tensor }
    let text = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    try SafetensorsFile.write(
      tensors, metadata: [Self.key: text, Self.frozenKey: frozenHash], to: url)
  }

  /// Reads the metrics of the finished epochs.
  ///
  /// - Throws: `RunError.notAState`, or `SafetensorsError` that names the damaged file.
  static func history(of url: URL) throws -> [EpochMetrics] { try stored(SafetensorsFile(url), url).history }

  private static func stored(_ file: SafetensorsFile, _ url: URL) throws -> TrainingState {
    guard let text = file.metadata[key],
      let state = try? JSONDecoder().decode(TrainingState.self, from: Data(text.utf8))
    else { throw RunError.notAState(url) }
    return state
  }

  /// Restores a state into a system and its optimiser.
  ///
  /// - Throws: `TorchError.parameters` if it belongs to other settings, `RunError` if frozen
  ///   weights have changed since, `SafetensorsError` if it is damaged.
  static func load(
    from url: URL, into system: SegmentationSystem, _ optimizer: AdamW, _ average: (any WeightAverage)?,
    frozenHash: String
  ) throws -> TrainingState {
    let file = try SafetensorsFile(url)
    let state = try stored(file, url)
    func part(_ prefix: String) throws -> [String: Tensor] {
      try Dictionary(
        uniqueKeysWithValues: file.tensors().compactMap { key, tensor in
          key.hasPrefix(prefix)
            ? (EarlierNames.tensorKey(String(key.dropFirst(prefix.count))), tensor) : nil
        })
    }
    let (stored, frozen) = (try part("weights."), try system.frozenWeights())
    // Earlier versions stored all weights instead of a hash.
    let hash = try file.metadata[frozenKey] ?? ContentHash(of: stored.filter { frozen[$0.key] != nil }).text
    guard hash == frozenHash else {
      throw RunError.otherFrozenWeights(url)
    }
    try system.load(stored.merging(frozen) { trained, _ in trained }, from: url.path)
    try optimizer.load(part("optimizer."), from: url.path)
    try average?.load(file.tensors(), from: url)
    return state
  }
}
