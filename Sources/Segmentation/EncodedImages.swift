import Torch

/// The outputs of an image tower for a batch.
public struct EncodedImages: Sendable {
  /// The dense features C in the joint image–text space, B×h×w×d.
  public let dense: Tensor
  /// The image-level embedding F_vis, B×d.
  public let image: Tensor
  /// The outputs of the requested tower layers, each B×h×w×c with its own sizes.
  public let layers: [Tensor]

  /// Groups the outputs of a tower.
  ///
  /// - Parameters:
  ///   - dense: the dense features, B×h×w×d.
  ///   - image: the image embedding, B×d.
  ///   - layers: the outputs of the requested layers, each B×h×w×c.
  public init(dense: Tensor, image: Tensor, layers: [Tensor]) {
    self.dense = dense
    self.image = image
    self.layers = layers
  }

  /// Makes the outputs for a method that ignores the tower: one position of zeros, no layers.
  ///
  /// - Parameters:
  ///   - pixels: the images, B×3×S×S.
  ///   - width: d of the joint space.
  /// - Returns: the outputs, on the device of the images.
  /// - Throws: `TorchError` if memory is short.
  package static func empty(for pixels: Tensor, width: Int) throws -> EncodedImages {
    let count = try pixels.size(0)
    return EncodedImages(
      dense: try Tensor.zeros([count, 1, 1, width]).to(pixels.device),
      image: try Tensor.zeros([count, width]).to(pixels.device), layers: [])
  }

  /// All tensors: dense features, image embedding, layers.
  public var tensors: [Tensor] { [dense, image] + layers }

  /// The features C as a list of positions, each L2-normalised: B×P×d.
  ///
  /// F is on the unit sphere of the text embeddings, where L_causal compares the two.
  ///
  /// - Throws: `TorchError` if the dense features have another rank.
  public var positions: Tensor {
    get throws {
      let sizes = try dense.sizes(rank: 4, "the dense features")
      return try dense.reshaped([sizes[0], sizes[1] * sizes[2], sizes[3]]).normalized()
    }
  }

  /// Applies a function to every tensor.
  ///
  /// - Parameter change: the function.
  /// - Returns: the changed outputs.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> EncodedImages {
    EncodedImages(dense: try change(dense), image: try change(image), layers: try layers.map(change))
  }

  /// Moves every tensor to a device.
  ///
  /// - Parameter device: the device.
  /// - Returns: the outputs on the device.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func to(_ device: Device) throws -> EncodedImages { try map { try $0.to(device) } }
}
