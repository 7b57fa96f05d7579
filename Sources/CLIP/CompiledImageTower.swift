import Torch

/// An image tower compiled for inference on the CPU: immutable, shared by threads; outputs are float32.
public struct CompiledImageTower: ImagePass, Sendable {
  private let layers: any ImagePass & Sendable

  init(_ layers: any ImagePass & Sendable) { self.layers = layers }

  /// Encodes normalised pixels as far as the first layers (of a ResNet: stages) reach; tensors have the type
  /// of activations.
  public func trunk(_ pixels: Tensor, depth: Int, hidden: [Int] = []) throws -> ImageTrunk {
    try layers.trunk(pixels, depth: depth, hidden: hidden)
  }

  /// Resumes a pass that was stopped.
  public func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try layers(trunk, dense: dense, hidden: hidden)
  }
}

/// The first layers of an image tower, compiled for inference on the CPU: immutable, shared by threads.
public struct CompiledImageTrunk: Sendable {
  private let layers: any TrunkPass & Sendable
  private let depth: Int

  init(_ layers: any TrunkPass & Sendable, depth: Int) {
    self.layers = layers
    self.depth = depth
  }

  /// Encodes normalised pixels as far as these layers reach.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - hidden: layers of the whole tower whose outputs will be wanted, counted from 1.
  /// - Returns: the input of the next layer, and outputs of layers before it, in the type of activations.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(_ pixels: Tensor, hidden: [Int] = []) throws -> ImageTrunk {
    try layers.trunk(pixels, depth: depth, hidden: hidden)
  }
}

/// The first layers of an image tower, and the pass through some of them.
protocol TrunkPass {
  /// Encodes normalised pixels as far as the first `depth` layers reach.
  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk
}
