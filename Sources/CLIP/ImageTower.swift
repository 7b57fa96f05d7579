import Torch

/// The outputs of one pass through an image tower.
public struct ImageFeatures: Sendable {
  /// The image embedding, projected, not normalised: B×d.
  public let image: Tensor
  /// The dense features, projected, not normalised: B×h×w×d; the image embedding if not requested.
  public let dense: Tensor
  /// The outputs of the requested layers, in order of the request: B×h×w×c each.
  public let layers: [Tensor]

  /// Applies a function to every tensor.
  func map(_ change: (Tensor) throws -> Tensor) rethrows -> ImageFeatures {
    ImageFeatures(image: try change(image), dense: try change(dense), layers: try layers.map(change))
  }
}

/// A trainable image tower of CLIP: `VisionTransformer`, `ModifiedResNet` or a trunk of timm.
public class ImageTower: Module, ImagePass {
  /// The geometry.
  public let configuration: CLIPConfiguration.Vision

  /// Whether training updates the statistics of batch normalisations; set it to train from scratch.
  ///
  /// Otherwise the statistics of a published model do not change, even if it is tuned on small
  /// batches.
  public var learnsStatistics = false

  /// Whether the tower has batch normalisations, which `learnsStatistics` concerns.
  public var normalizesBatches: Bool { false }

  init(_ configuration: CLIPConfiguration.Vision) { self.configuration = configuration }

  /// Makes the tower of a configuration, with random weights.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - projectionSize: the width d of the joint space.
  ///   - generator: the random number generator of the initial weights.
  /// - Returns: the tower.
  /// - Throws: `TorchError` with libtorch's message.
  public static func make(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, generator: Generator
  ) throws -> ImageTower {
    try make(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  /// Makes the tower of a configuration with uninitialised weights, which will be loaded.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - projectionSize: the width d of the joint space.
  /// - Returns: the tower.
  /// - Throws: `TorchError` with libtorch's message.
  public static func unset(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int
  ) throws -> ImageTower {
    try make(configuration, projectionSize: projectionSize, Initializer(generator: nil))
  }

  static func make(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer
  ) throws -> ImageTower {
    if let trunk = configuration.trunk {
      guard let geometry = TrunkGeometry(named: trunk) else { throw CLIPError.unknownTrunk(trunk) }
      return try geometry.tower(configuration, projectionSize: projectionSize, initializer)
    }
    if configuration.hasAttentionPool == true {
      return try SigLIPTransformer(configuration, projectionSize: projectionSize, initializer)
    }
    return configuration.stages == nil
      ? try VisionTransformer(configuration, projectionSize: projectionSize, initializer)
      : try ModifiedResNet(configuration, projectionSize: projectionSize, initializer)
  }

  /// The channels of the possible `hidden` outputs: one per transformer layer, four ResNet stages.
  public var hiddenWidths: [Int] { [] }

  /// The distance in pixels between neighbouring positions of each of these outputs.
  public var hiddenStrides: [Int] { [] }

  /// The number of channels of the image embedding.
  package var projectionSize: Int { 0 }

  /// Whether the tower has learned position embeddings, which belong to the grid of one input size.
  ///
  /// They are interpolated for another size, but the tower has not learned to read them so.
  package var hasPositionEmbeddings: Bool { false }

  /// The name of the architecture in texts.
  package var name: String {
    configuration.trunk
      ?? (configuration.stages == nil ? "CLIP's vision transformer" : "CLIP's ResNet with attention pool")
  }

  /// The pass through the tower with the weights that it has.
  var pass: (any ResumingPass)? { nil }

  /// The prefix of the keys of each layer's parameters.
  var layerKeys: [String] { [] }

  /// The prefixes of the keys of the parameters after the last layer.
  var endKeys: [String] { [] }

  /// Encodes normalised pixels with the first layers (of a ResNet: stages).
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: the number of these layers.
  ///   - hidden: the layers whose outputs are needed, counted from 1.
  ///   - reading: the tensors of these layers.
  /// - Returns: the input of the next layer, and the tensors of layers before it.
  /// - Throws: `TorchError` if the shapes do not fit, `CLIPError.noKeys` for keys of convolutions.
  public final func trunk(
    _ pixels: Tensor, depth: Int, hidden: [Int] = [], reading: LayerReading = .outputs
  ) throws -> ImageTrunk {
    try ownPass().front.stopped(pixels, before: depth, hidden: hidden, reading: reading)
  }

  /// Resumes a stopped pass.
  ///
  /// - Parameters:
  ///   - trunk: the stopped pass.
  ///   - dense: the way to read the last block; nil skips the dense features.
  ///   - hidden: the layers whose outputs are returned, the same as for the trunk.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` if the shapes or the layers do not fit.
  public final func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try ownPass().resumed(trunk, dense: dense, hidden: hidden)
  }

  private func ownPass() throws -> any ResumingPass {
    guard let pass else { throw TorchError.value("this image tower cannot encode") }
    return pass
  }

  /// Compiles all layers for inference on the CPU; later changes of the weights do not reach them.
  ///
  /// - Parameter precision: the arithmetic.
  /// - Returns: the compiled tower.
  /// - Throws: `TorchError` if the weights cannot be packed.
  public func compiled(for precision: Precision) throws -> CompiledImageTower {
    throw TorchError.value("this image tower cannot be compiled")
  }

  /// Compiles the first layers (of a ResNet: stages) and everything before them, for the CPU.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - depth: the number of layers.
  /// - Returns: the compiled layers; later changes of the weights do not reach them.
  /// - Throws: `TorchError` if the weights cannot be packed.
  public func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    throw TorchError.value("this image tower cannot be compiled")
  }

  /// Makes a tower of the same geometry with copied weights, on the same device.
  ///
  /// The copy is in evaluation mode.
  ///
  /// - Throws: `TorchError` if memory is short.
  public final func copied() throws -> ImageTower {
    let copy = try ImageTower.unset(configuration, projectionSize: projectionSize)
    if let device = parameters().first?.tensor.device { try copy.move(to: device) }
    try copy.load(state(), from: "an image tower")
    copy.train(false)
    return copy
  }

  /// Returns the number of layers (of a ResNet: stages) before the last ones.
  ///
  /// A transformer's dense features are read in its last layer, so that one is never before them.
  ///
  /// - Parameter count: the number of last layers.
  /// - Returns: the number of layers before them, at least 0.
  public func depth(beforeLast count: Int) -> Int { max(0, hiddenWidths.count - count) }

  /// Returns the modules of the first layers and of everything before them.
  ///
  /// - Parameter depth: the number of first layers.
  /// - Returns: the modules.
  public func modules(before depth: Int) -> [Module] { [] }

  /// Returns the parameters of the last layers (of a ResNet: stages) and everything after them.
  ///
  /// It returns all parameters if `count` is nil. If only these require gradients, libtorch records
  /// nothing of the layers before.
  ///
  /// - Parameter count: the number of last layers; nil for all.
  /// - Returns: the parameters with their keys.
  public final func parameters(ofLast count: Int?) -> [NamedTensor] {
    guard let count else { return parameters() }
    let keys = layerKeys.suffix(max(0, count)) + endKeys
    return parameters().filter { parameter in keys.contains { parameter.key.hasPrefix($0) } }
  }
}
