import Foundation
import Storage
import Torch

/// How far a run has come; stored with weights and moments in one file, so that they cannot disagree.
struct TrainingState: Codable {
  /// The epoch that is under way, from 0.
  var epoch = 0
  /// Steps done in it.
  var step = 0
  /// Steps done in all epochs.
  var totalSteps = 0
  /// The sums of this epoch's losses so far.
  var sums = LossSums()
  /// Seconds spent in this epoch before an interruption.
  var seconds = 0.0
  /// Finished epochs.
  var history: [EpochMetrics] = []
  /// The best validation Dice so far.
  var best: Double?

  private static let key = "mcdrl.state"
  private static let frozenKey = "mcdrl.frozen"

  /// Writes everything that resuming needs, atomically; weights that are not trained are where the run took them from.
  ///
  /// - Parameters:
  ///   - system: whose weights are stored.
  ///   - optimizer: whose moments are stored.
  ///   - frozenHash: `frozenWeightsHash()` of the system.
  ///   - url: where to.
  /// - Throws: `FileError` that names the file.
  func save(system: SegmentationSystem, optimizer: AdamW, frozenHash: String, to url: URL) throws {
    var tensors: [String: Tensor] = [:]
    let frozen = try system.frozenWeights()
    for (key, tensor) in system.state() where frozen[key] == nil { tensors["weights." + key] = tensor }
    for (key, tensor) in optimizer.state() { tensors["optimizer." + key] = tensor }
    let text = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    try SafetensorsFile.write(
      tensors, metadata: [Self.key: text, Self.frozenKey: frozenHash], to: url)
  }

  /// Reads a state back into a system and its optimiser.
  ///
  /// - Throws: `TorchError.parameters` when it belongs to other settings, `RunError` when frozen weights
  ///   have changed since, `SafetensorsError` when it is damaged.
  static func load(
    from url: URL, into system: SegmentationSystem, _ optimizer: AdamW, frozenHash: String
  ) throws -> TrainingState {
    let file = try SafetensorsFile(url)
    guard let text = file.metadata[key],
      let state = try? JSONDecoder().decode(TrainingState.self, from: Data(text.utf8))
    else { throw RunError.notAState(url) }
    func part(_ prefix: String) throws -> [String: Tensor] {
      try Dictionary(
        uniqueKeysWithValues: file.tensors().compactMap { key, tensor in
          key.hasPrefix(prefix)
            ? (EarlierNames.tensorKey(String(key.dropFirst(prefix.count))), tensor) : nil
        })
    }
    let (stored, frozen) = (try part("weights."), try system.frozenWeights())
    // Earlier versions stored all weights in place of a hash.
    let hash = try file.metadata[frozenKey] ?? ContentHash(of: stored.filter { frozen[$0.key] != nil }).text
    guard hash == frozenHash else {
      throw RunError.otherFrozenWeights(url)
    }
    try system.load(stored.merging(frozen) { trained, _ in trained }, from: url.path)
    try optimizer.load(part("optimizer."), from: url.path)
    return state
  }
}
