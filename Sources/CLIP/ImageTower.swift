import Torch

/// What one pass through an image tower gives.
public struct ImageFeatures: Sendable {
  /// The image embedding, projected, not normalised: B×d.
  public let image: Tensor
  /// Dense features, projected, not normalised: B×h×w×d; the image embedding when none were asked for.
  public let dense: Tensor
  /// Outputs of the layers that were asked for, in that order: B×h×w×c each.
  public let layers: [Tensor]

  /// The same with every tensor changed.
  func map(_ change: (Tensor) throws -> Tensor) rethrows -> ImageFeatures {
    ImageFeatures(image: try change(image), dense: try change(dense), layers: try layers.map(change))
  }
}

/// An image tower of CLIP that is trained: `VisionTransformer` or `ModifiedResNet`.
public class ImageTower: Module, ImagePass {
  /// The geometry.
  public let configuration: CLIPConfiguration.Vision

  init(_ configuration: CLIPConfiguration.Vision) { self.configuration = configuration }

  /// Makes the tower that a configuration describes, with random weights.
  public static func make(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, generator: Generator
  ) throws -> ImageTower {
    try make(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  /// Makes the tower that a configuration describes, for weights that will be loaded: until then they hold anything.
  public static func unset(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int
  ) throws -> ImageTower {
    try make(configuration, projectionSize: projectionSize, Initializer(generator: nil))
  }

  static func make(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer
  ) throws -> ImageTower {
    configuration.stages == nil
      ? try VisionTransformer(configuration, projectionSize: projectionSize, initializer)
      : try ModifiedResNet(configuration, projectionSize: projectionSize, initializer)
  }

  /// Channels of the outputs that `hidden` can ask for: one for each layer of a transformer, four stages of a ResNet.
  public var hiddenWidths: [Int] { [] }

  /// Pixels between neighbouring positions of each of these outputs.
  public var hiddenStrides: [Int] { [] }

  /// Channels of the image embedding.
  package var projectionSize: Int { 0 }

  /// Encodes normalised pixels as far as the first layers (of a ResNet: stages) reach.
  public func trunk(_ pixels: Tensor, depth: Int, hidden: [Int] = []) throws -> ImageTrunk {
    throw TorchError.value("this image tower cannot encode")
  }

  /// Resumes a pass that was stopped.
  public func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    throw TorchError.value("this image tower cannot encode")
  }

  /// Compiles all layers for inference on the CPU; later changes of the weights do not reach the result.
  ///
  /// - Parameter precision: the arithmetic.
  /// - Returns: the compiled tower.
  /// - Throws: `TorchError` when weights cannot be packed.
  public func compiled(for precision: Precision) throws -> CompiledImageTower {
    throw TorchError.value("this image tower cannot be compiled")
  }

  /// Compiles the first layers (of a ResNet: stages) and all before them for inference on the CPU.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - depth: how many layers.
  /// - Returns: the compiled layers; later changes of the weights do not reach them.
  /// - Throws: `TorchError` when weights cannot be packed.
  public func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    throw TorchError.value("this image tower cannot be compiled")
  }

  /// A tower of the same geometry with copies of the weights, on the same device, in evaluation mode.
  ///
  /// - Throws: `TorchError` when memory does not suffice.
  public final func copied() throws -> ImageTower {
    let copy = try ImageTower.unset(configuration, projectionSize: projectionSize)
    if let device = parameters().first?.tensor.device { try copy.move(to: device) }
    try copy.load(state(), from: "an image tower")
    copy.train(false)
    return copy
  }

  /// Layers (of a ResNet: stages) that stand before the last ones.
  public func depth(beforeLast count: Int) -> Int { max(0, hiddenWidths.count - count) }

  /// What the first layers and all before them are made of.
  public func modules(before depth: Int) -> [Module] { [] }

  /// The parameters of the last layers (of a ResNet: stages) with all that follows them; all when `count` is nil.
  ///
  /// With gradients asked for these only, libtorch records nothing of the layers before.
  public func parameters(ofLast count: Int?) -> [NamedTensor] { parameters() }
}
