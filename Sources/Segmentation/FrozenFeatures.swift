import CLIP
import Torch

/// What the part of an image tower that is not trained makes of images, a row each, so that it can be kept.
public enum FrozenFeatures: Sendable {
  /// All that a tower gives; of one that is frozen whole.
  case encoded(EncodedImages)
  /// What goes into the first layer that is trained.
  case trunk(ImageTrunk)

  /// All tensors, a row an image.
  public var tensors: [Tensor] {
    switch self {
    case .encoded(let images): images.tensors
    case .trunk(let trunk): trunk.tensors
    }
  }

  /// The same with every tensor changed.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> FrozenFeatures {
    switch self {
    case .encoded(let images): .encoded(try images.map(change))
    case .trunk(let trunk): .trunk(try trunk.map(change))
    }
  }

  /// Features of the same kind made of other tensors, such as more rows.
  ///
  /// - Parameter tensors: as many as there are here, in their order.
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

  /// These rows and others, one after the other.
  ///
  /// - Parameter others: of the same kind.
  /// - Returns: the features of all.
  /// - Throws: `TorchError` when the two do not fit each other.
  public func joined(with others: FrozenFeatures) throws -> FrozenFeatures {
    guard tensors.count == others.tensors.count else {
      throw TorchError.value("features of different kinds cannot be joined")
    }
    return try replacing(zip(tensors, others.tensors).map { try .concatenated([$0, $1], dim: 0) })
  }

  /// The same on a device.
  public func to(_ device: Device) throws -> FrozenFeatures { try map { try $0.to(device) } }
}
