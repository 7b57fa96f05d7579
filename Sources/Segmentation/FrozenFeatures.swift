import CLIP
import Torch

/// The outputs of an image tower's frozen part for images, one row each, for the cache.
public enum FrozenFeatures: Sendable {
  /// All outputs of a fully frozen tower.
  case encoded(EncodedImages)
  /// The input of the first trained layer.
  case trunk(ImageTrunk)

  /// All outputs; nil if only the first layers ran.
  package var images: EncodedImages? { if case .encoded(let images) = self { images } else { nil } }

  /// All tensors, one row for each image.
  public var tensors: [Tensor] {
    switch self {
    case .encoded(let images): images.tensors
    case .trunk(let trunk): trunk.tensors
    }
  }

  /// Applies a function to every tensor.
  ///
  /// - Parameter change: the function.
  /// - Returns: the changed features.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> FrozenFeatures {
    switch self {
    case .encoded(let images): .encoded(try images.map(change))
    case .trunk(let trunk): .trunk(try trunk.map(change))
    }
  }

  /// Makes features of the same kind from other tensors, for example with more rows.
  ///
  /// - Parameter tensors: the tensors, in the number and order of `tensors`.
  /// - Returns: the features.
  /// - Throws: `TorchError.value` for another number.
  public func replacing(_ tensors: [Tensor]) throws -> FrozenFeatures {
    let own = self.tensors
    guard own.count == tensors.count else {
      throw TorchError.value("\(tensors.count) tensors cannot take the places of \(own.count)")
    }
    var rest = tensors[...]
    return map { rest.popFirst() ?? $0 }
  }

  /// Concatenates these rows and others.
  ///
  /// - Parameter others: features of the same kind.
  /// - Returns: the features of all rows.
  /// - Throws: `TorchError` if the two do not fit each other.
  public func joined(with others: FrozenFeatures) throws -> FrozenFeatures {
    guard tensors.count == others.tensors.count else {
      throw TorchError.value("features of different kinds cannot be joined")
    }
    return try replacing(zip(tensors, others.tensors).map { try .concatenated([$0, $1], dim: 0) })
  }

  /// Moves every tensor to a device.
  ///
  /// - Parameter device: the device.
  /// - Returns: the features on the device.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func to(_ device: Device) throws -> FrozenFeatures { try map { try $0.sent(to: device) } }
}
