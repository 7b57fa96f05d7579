import Foundation
import Storage
import Torch

/// The exponential moving average of the trained weights, with the statistics of normalisations.
final class WeightAverage {
  private let decay: Double
  private let own: [(key: String, tensor: Tensor)]
  private var average: [String: Tensor] = [:]
  private var updates = 0

  /// Starts with the present weights.
  ///
  /// - Parameters:
  ///   - system: the system that is trained.
  ///   - decay: the decay, from 0 to below 1.
  /// - Throws: `TorchError` if memory is short.
  init(of system: SegmentationSystem, decay: Double) throws {
    self.decay = decay
    let frozen = try system.frozenWeights()
    own = system.state().filter { frozen[$0.key] == nil && $0.value.dtype == .float32 }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for (key, tensor) in own { average[key] = try tensor.detached().copy() }
  }

  /// Moves the average toward the present weights.
  func update() throws {
    updates += 1
    let decay = min(decay, (1 + Double(updates)) / (10 + Double(updates)))
    try withoutGradients {
      for (key, tensor) in own {
        _ = try average[key]?.multiplyInPlace(decay).addInPlace(tensor, scale: 1 - decay)
      }
    }
  }

  /// Runs a closure while the system has the averaged weights.
  func during<Result>(_ body: () throws -> Result) throws -> Result {
    try exchange()
    do {
      let result = try body()
      try exchange()
      return result
    } catch {
      try exchange()
      throw error
    }
  }

  private func exchange() throws {
    try withoutGradients {
      for (key, tensor) in own {
        guard let other = average[key] else { continue }
        average[key] = try tensor.detached().copy()
        try tensor.assign(other)
      }
    }
  }

  private static let prefix = "average."
  private static let updatesKey = "average-updates"

  /// The average for storage: tensors by key, and the number of updates.
  var state: [String: Tensor] {
    get throws {
      var tensors = Dictionary(uniqueKeysWithValues: average.map { (Self.prefix + $0.key, $0.value) })
      tensors[Self.updatesKey] = try Tensor([Int64(updates)])
      return tensors
    }
  }

  /// Restores what `state` returned.
  ///
  /// - Throws: `RunError.notAState` if a file lacks a part.
  func load(_ tensors: [String: Tensor], from file: URL) throws {
    guard let count = try tensors[Self.updatesKey]?.array(of: Int64.self).first else {
      throw RunError.notAState(file)
    }
    for (key, tensor) in own {
      guard let stored = tensors[Self.prefix + key], stored.shape == tensor.shape else {
        throw RunError.notAState(file)
      }
      average[key] = try stored.to(tensor.device).copy()
    }
    updates = Int(count)
  }
}
