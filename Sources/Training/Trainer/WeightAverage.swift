import Foundation
import Metrics
import Torch

/// The scores of weights on the validation images.
struct Validation {
  /// For each class, one table for each image.
  let counts: [[OverlapCounts]]
  /// Mean Dice; nil without images.
  let dice: Double?
  /// The score that chooses; nil if it is undefined.
  let score: Double?
}

/// The scores of an epoch, and whether its weights were stored.
typealias Judgement = (dice: Double?, score: Double?, better: Bool)

/// A mean of the trained weights over the training.
protocol WeightAverage: AnyObject {
  /// Includes the present weights, after a step.
  func update() throws

  /// Ends an epoch: validates the mean and stores it.
  ///
  /// - Parameters:
  ///   - isWhole: whether all parts of the method were on in this epoch.
  ///   - validate: validates the system's weights.
  ///   - store: stores the system's weights if they are the best, or `always`.
  /// - Returns: the scores of the mean, and whether it was stored.
  /// - Throws: the errors of the closures, or `TorchError` if memory is short.
  func endEpoch(
    isWhole: Bool, validate: () throws -> Validation, store: (Validation, _ always: Bool) throws -> Judgement
  ) throws -> Judgement

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

  func endEpoch(
    isWhole: Bool, validate: () throws -> Validation, store: (Validation, _ always: Bool) throws -> Judgement
  ) throws -> Judgement {
    try trained.having(mean) { try store(validate(), false) }
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
