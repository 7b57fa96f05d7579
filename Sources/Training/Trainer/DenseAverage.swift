import Foundation
import Torch

/// The mean of SWAD: over all steps of the epochs in the valley of the validation score.
///
/// Before the valley it is the mean over the last epoch's steps. After it nothing changes it any
/// more. An epoch before the method's intervention starts is not in the valley. The state file holds
/// up to five copies of the trained weights, and memory up to eight.
final class DenseAverage: WeightAverage {
  private let trained: TrainedTensors
  /// The numbers of the average; its tensors are beside them.
  private struct Progress: Codable {
    var valley = ScoreValley()
    /// The steps of this epoch so far.
    var steps = 0
    /// The epochs in `closed`.
    var closed = 0
    /// The epochs in `recent`.
    var recent = 0
  }
  private var progress = Progress()
  /// The mean over the steps of this epoch; empty before the first.
  private var current: [String: Tensor] = [:]
  /// The mean over the valley's epochs before `recent`; empty before the first.
  private var closed: [String: Tensor] = [:]
  /// The means over the steps of each of the last epochs, which the end of the valley would leave out.
  private var recent: [[String: Tensor]] = []

  /// Starts without weights.
  ///
  /// - Parameter system: the system that is trained.
  /// - Throws: `TorchError` if more layers are to be trained than exist.
  init(of system: SegmentationSystem) throws { trained = try TrainedTensors(of: system) }

  func update() throws {
    guard !progress.valley.hasEnded else { return }
    progress.steps += 1
    if progress.steps == 1 {
      current = try trained.copies()
    } else {
      try trained.move(current, share: 1 / Double(progress.steps))
    }
  }

  func endEpoch(
    isWhole: Bool, validate: () throws -> Validation, store: (Validation, _ always: Bool) throws -> Judgement
  ) throws -> Judgement {
    guard progress.steps > 0, !progress.valley.hasEnded else { return (nil, nil, false) }
    let epoch = current
    (current, progress.steps) = ([:], 0)
    let own = try trained.having(epoch, validate)
    guard isWhole else {
      recent = []
      return try trained.having(epoch) { try store(own, true) }
    }
    switch progress.valley.add(score: own.score) {
    case .before:
      recent = (recent + [epoch]).suffix(ScoreValley.patience - 1)
      return try trained.having(epoch) { try store(own, true) }
    case .inside:
      recent.append(epoch)
      if recent.count > ScoreValley.patience { try close(recent.removeFirst()) }
    case .ended:
      // The last `patience` epochs are this one and all of `recent` but its first.
      if let first = recent.first { try close(first) }
      recent = []
    }
    return try trained.having(mean()) { try store(validate(), true) }
  }

  /// Includes the mean of an epoch in `closed`.
  private func close(_ epoch: [String: Tensor]) throws {
    progress.closed += 1
    closed = progress.closed == 1 ? epoch : try Self.mean(closed, epoch, share: 1 / Double(progress.closed))
  }

  /// The mean over the valley, once it has begun.
  private func mean() throws -> [String: Tensor] {
    var (mean, count) = (closed, progress.closed)
    for epoch in recent {
      count += 1
      mean = count == 1 ? epoch : try Self.mean(mean, epoch, share: 1 / Double(count))
    }
    return mean
  }

  private static func mean(
    _ mean: [String: Tensor], _ other: [String: Tensor], share: Double
  ) throws -> [String: Tensor] {
    try Dictionary(
      uniqueKeysWithValues: mean.map { key, tensor in
        (key, try other[key].map { try tensor * (1 - share) + $0 * share } ?? tensor)
      })
  }

  private static let (currentPrefix, closedPrefix) = ("swad.current.", "swad.closed.")
  private static func recentPrefix(_ index: Int) -> String { "swad.recent.\(index)." }
  private static let progressKey = "swad-progress"

  var state: [String: Tensor] {
    get throws {
      var numbers = progress
      numbers.recent = recent.count
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      var tensors = current.prefixed(Self.currentPrefix)
      tensors.merge(closed.prefixed(Self.closedPrefix)) { $1 }
      for (index, epoch) in recent.enumerated() {
        tensors.merge(epoch.prefixed(Self.recentPrefix(index))) { $1 }
      }
      tensors[Self.progressKey] = try Tensor(try Array(encoder.encode(numbers)))
      return tensors
    }
  }

  func load(_ tensors: [String: Tensor], from file: URL) throws {
    func part(_ prefix: String, _ isThere: Bool) throws -> [String: Tensor] {
      guard isThere else { return [:] }
      guard let found = try trained.restored(from: tensors, prefix: prefix) else {
        throw RunError.notAState(file)
      }
      return found
    }
    guard let bytes = try tensors[Self.progressKey]?.array(of: UInt8.self),
      let stored = try? JSONDecoder().decode(Progress.self, from: Data(bytes)),
      (0...ScoreValley.patience).contains(stored.recent)
    else { throw RunError.notAState(file) }
    progress = stored
    current = try part(Self.currentPrefix, stored.steps > 0)
    closed = try part(Self.closedPrefix, stored.closed > 0)
    recent = try (0..<stored.recent).map { try part(Self.recentPrefix($0), true) }
  }
}
