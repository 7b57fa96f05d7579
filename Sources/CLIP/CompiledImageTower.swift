import Torch

/// An image tower compiled for inference on the CPU, immutable and shared by threads.
///
/// Its outputs are float32.
public struct CompiledImageTower: ImagePass, Sendable {
  private let layers: any ImagePass & Sendable

  init(_ layers: any ImagePass & Sendable) { self.layers = layers }

  /// Encodes normalised pixels up to a layer (of a ResNet: stage).
  ///
  /// The tensors have the activation type.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: the number of these layers.
  ///   - hidden: the layers whose outputs are needed, counted from 1.
  ///   - reading: the tensors of these layers.
  /// - Returns: the input of the next layer, and the tensors of layers before it.
  /// - Throws: `TorchError` if the shapes do not fit, `CLIPError.noKeys` for keys of convolutions.
  public func trunk(
    _ pixels: Tensor, depth: Int, hidden: [Int] = [], reading: LayerReading = .outputs
  ) throws -> ImageTrunk {
    try layers.trunk(pixels, depth: depth, hidden: hidden, reading: reading)
  }

  /// Resumes a stopped pass.
  ///
  /// - Parameters:
  ///   - trunk: the stopped pass.
  ///   - dense: the way to read the last block; nil skips the dense features.
  ///   - hidden: the layers whose outputs are returned, the same as for the trunk.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` if the shapes or the layers do not fit.
  public func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try layers(trunk, dense: dense, hidden: hidden)
  }
}

/// The first layers of an image tower, compiled for inference on the CPU.
///
/// They are immutable and shared by threads.
public struct CompiledImageTrunk: Sendable {
  private let layers: any TrunkPass & Sendable
  private let depth: Int

  init(_ layers: any TrunkPass & Sendable, depth: Int) {
    self.layers = layers
    self.depth = depth
  }

  /// Encodes normalised pixels with these layers.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - hidden: the layers of the whole tower whose outputs are needed, counted from 1.
  ///   - reading: the tensors of these layers.
  /// - Returns: the input of the next layer, and the tensors of layers before it, in the activation
  ///   type.
  /// - Throws: `TorchError` if the shapes do not fit, `CLIPError.noKeys` for keys of convolutions.
  public func callAsFunction(
    _ pixels: Tensor, hidden: [Int] = [], reading: LayerReading = .outputs
  ) throws -> ImageTrunk {
    try layers.trunk(pixels, depth: depth, hidden: hidden, reading: reading)
  }
}

/// The first layers of an image tower, and the forward pass through some of them.
protocol TrunkPass {
  /// Encodes normalised pixels with the first `depth` layers.
  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int], reading: LayerReading) throws -> ImageTrunk
}
