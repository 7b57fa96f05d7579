import Segmentation
import Torch

/// The tensors of a system that training changes: weights, and statistics of normalisations.
struct TrainedTensors {
  private let tensors: [(key: String, tensor: Tensor)]

  /// Finds them.
  ///
  /// - Throws: `TorchError` if more layers are to be trained than exist.
  init(of system: SegmentationSystem) throws {
    let frozen = try system.frozenWeights()
    tensors = system.state().filter { frozen[$0.key] == nil && $0.value.dtype == .float32 }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Copies them.
  func copies() throws -> [String: Tensor] {
    try Dictionary(uniqueKeysWithValues: tensors.map { ($0.key, try $0.tensor.detached().copy()) })
  }

  /// Moves a mean toward them: mean ← mean·(1 − share) + tensor·share.
  func move(_ mean: [String: Tensor], share: Double) throws {
    try withoutGradients {
      for (key, tensor) in tensors {
        _ = try mean[key]?.multiplyInPlace(1 - share).addInPlace(tensor, scale: share)
      }
    }
  }

  /// Runs a closure while the system has other values for them.
  func having<Result>(_ values: [String: Tensor], _ body: () throws -> Result) throws -> Result {
    let own = try copies()
    try assign(values)
    do {
      let result = try body()
      try assign(own)
      return result
    } catch {
      try assign(own)
      throw error
    }
  }

  private func assign(_ values: [String: Tensor]) throws {
    try withoutGradients {
      for (key, tensor) in tensors { if let value = values[key] { try tensor.assign(value) } }
    }
  }

  /// Takes stored values with a prefix; nil if one is missing or has another shape.
  func restored(from stored: [String: Tensor], prefix: String) throws -> [String: Tensor]? {
    var found: [String: Tensor] = [:]
    for (key, tensor) in tensors {
      guard let value = stored[prefix + key], value.shape == tensor.shape else { return nil }
      found[key] = try value.to(tensor.device).copy()
    }
    return found
  }
}
