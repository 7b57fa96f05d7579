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

/// An image tower of CLIP: `VisionTransformer` or `ModifiedResNet`.
public class ImageTower: Module {
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

  /// Encodes normalised pixels in one pass.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W; sides that are no multiple of the patch lose the remainder.
  ///   - dense: how the last block is read; nil skips the dense features.
  ///   - hidden: layers (of a ResNet: stages) whose outputs are wanted, counted from 1.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  public final func callAsFunction(
    _ pixels: Tensor, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try self(trunk(pixels, depth: 0, hidden: hidden), dense: dense, hidden: hidden)
  }

  /// Encodes normalised pixels as far as the first layers (of a ResNet: stages) reach.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: how many layers are passed.
  ///   - hidden: layers whose outputs will be wanted, counted from 1.
  /// - Returns: what the rest of the tower goes on from.
  /// - Throws: `TorchError` when shapes do not fit.
  public func trunk(_ pixels: Tensor, depth: Int, hidden: [Int] = []) throws -> ImageTrunk {
    throw TorchError.value("this image tower cannot encode")
  }

  /// Takes up a pass that was stopped; the two together are the pass through all of the tower.
  ///
  /// - Parameters:
  ///   - trunk: where it was stopped.
  ///   - dense: how the last block is read; nil skips the dense features.
  ///   - hidden: layers whose outputs are wanted, those that the trunk was asked for.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` when shapes or layers do not fit.
  public func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    throw TorchError.value("this image tower cannot encode")
  }

  /// Layers (of a ResNet: stages) that stand before the last ones.
  public func depth(beforeLast count: Int) -> Int { max(0, hiddenWidths.count - count) }

  /// What the first layers and all before them are made of.
  public func modules(before depth: Int) -> [Module] { [] }

  /// The parameters of the last layers (of a ResNet: stages) with all that follows them; all when `count` is nil.
  ///
  /// With gradients asked for these only, libtorch records nothing of the layers before.
  public func parameters(ofLast count: Int?) -> [NamedTensor] { parameters() }

  func check(hidden: [Int]) throws {
    guard hidden.allSatisfy((1...hiddenWidths.count).contains) else {
      throw TorchError.value("layers \(hidden) are not all from 1 to \(hiddenWidths.count)")
    }
  }

  /// Layers whose outputs a trunk holds beside the input of the next one.
  func kept(_ hidden: [Int], before depth: Int) -> [Int] { Set(hidden.filter { $0 < depth }).sorted() }

  /// The outputs that a trunk holds, by layer.
  func outputs(_ trunk: ImageTrunk, hidden: [Int]) throws -> [Int: Tensor] {
    try check(hidden: hidden)
    let own = kept(hidden, before: trunk.depth)
    guard own.count == trunk.layers.count, trunk.depth <= hiddenWidths.count else {
      throw TorchError.value(
        "a pass that was stopped after layer \(trunk.depth) with \(trunk.layers.count) outputs kept cannot give the "
          + "layers \(hidden)")
    }
    return Dictionary(uniqueKeysWithValues: zip(own, trunk.layers))
  }
}
