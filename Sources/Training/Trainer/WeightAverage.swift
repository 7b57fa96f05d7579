import Foundation
import Torch

/// A mean of the trained weights over the training.
protocol WeightAverage: AnyObject {
  /// Includes the present weights, after a step.
  func update() throws

  /// Ends an epoch, and scores the mean and stores it.
  ///
  /// - Parameters:
  ///   - score: scores the system's weights on the validation images; nil if undefined.
  ///   - judge: scores the system's weights, and stores them if they are chosen.
  ///   - with: `judge`'s argument: whether the weights are chosen whatever their score.
  /// - Returns: what `judge` returned.
  func endEpoch<Result>(score: () throws -> Double?, judge: (_ always: Bool) throws -> Result) throws
    -> Result

  /// The mean for storage: tensors by key.
  var state: [String: Tensor] { get throws }

  /// Restores what `state` returned.
  ///
  /// - Throws: `RunError.notAState` if the file lacks a part.
  func load(_ tensors: [String: Tensor], from file: URL) throws
}

extension Averaging {
  /// Makes the average of these settings; nil for none.
  func average(of system: SegmentationSystem) throws -> (any WeightAverage)? {
    switch self {
    case .none: nil
    case .exponential(let decay): try ExponentialAverage(of: system, decay: decay)
    case .swad: try DenseAverage(of: system)
    }
  }
}

/// The exponential moving average.
final class ExponentialAverage: WeightAverage {
  private let decay: Double
  private let trained: TrainedTensors
  private var mean: [String: Tensor]
  private var updates = 0

  /// Starts with the present weights.
  ///
  /// - Parameters:
  ///   - system: the system that is trained.
  ///   - decay: the decay, from 0 to below 1.
  /// - Throws: `TorchError` if memory is short.
  init(of system: SegmentationSystem, decay: Double) throws {
    self.decay = decay
    trained = try TrainedTensors(of: system)
    mean = try trained.copies()
  }

  func update() throws {
    updates += 1
    try trained.move(mean, share: 1 - min(decay, (1 + Double(updates)) / (10 + Double(updates))))
  }

  func endEpoch<Result>(score: () throws -> Double?, judge: (_ always: Bool) throws -> Result) throws
    -> Result
  {
    try trained.having(mean) { try judge(false) }
  }

  private static let prefix = "average."
  private static let updatesKey = "average-updates"

  var state: [String: Tensor] {
    get throws {
      var tensors = mean.prefixed(Self.prefix)
      tensors[Self.updatesKey] = try Tensor([Int64(updates)])
      return tensors
    }
  }

  func load(_ tensors: [String: Tensor], from file: URL) throws {
    guard let count = try tensors[Self.updatesKey]?.array(of: Int64.self).first,
      let stored = try trained.restored(from: tensors, prefix: Self.prefix)
    else { throw RunError.notAState(file) }
    (mean, updates) = (stored, Int(count))
  }
}

extension Dictionary where Key == String {
  /// The same values under keys with a prefix.
  func prefixed(_ prefix: String) -> [String: Value] {
    [String: Value](uniqueKeysWithValues: map { (prefix + $0.key, $0.value) })
  }
}
