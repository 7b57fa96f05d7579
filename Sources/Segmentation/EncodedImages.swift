import Torch

/// The outputs of an image tower for a batch.
public struct EncodedImages: Sendable {
  /// C: dense features in the joint image–text space, B×h×w×d.
  public let dense: Tensor
  /// F_vis: the image-level embedding, B×d.
  public let image: Tensor
  /// Outputs of the tower's layers that were asked for, each B×h×w×c with sizes of its own.
  public let layers: [Tensor]

  /// Groups a tower's outputs.
  public init(dense: Tensor, image: Tensor, layers: [Tensor]) {
    self.dense = dense
    self.image = image
    self.layers = layers
  }

  /// All tensors: dense features, image embedding, layers.
  public var tensors: [Tensor] { [dense, image] + layers }

  /// C as a list of positions, each L2-normalised: B×P×d.
  ///
  /// F lives on the sphere of the text embeddings, where L_causal compares the two.
  ///
  /// - Throws: `TorchError` when the dense features have another rank.
  public var positions: Tensor {
    get throws {
      let sizes = try dense.sizes(rank: 4, "the dense features")
      return try dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]]).normalized()
    }
  }

  /// The same with every tensor changed.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> EncodedImages {
    EncodedImages(dense: try change(dense), image: try change(image), layers: try layers.map(change))
  }

  /// The same on a device.
  public func to(_ device: Device) throws -> EncodedImages { try map { try $0.to(device) } }
}
