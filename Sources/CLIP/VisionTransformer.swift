import Torch

/// What one pass through an image tower gives.
public struct ImageFeatures: Sendable {
  /// The image embedding, projected, not normalised: B×d.
  public let image: Tensor
  /// Dense features, projected, not normalised: B×h×w×d.
  public let dense: Tensor
  /// Outputs of the layers that were asked for: B×h×w×c each.
  public let layers: [Tensor]
}

/// CLIP's vision transformer, of any patch, width and depth.
///
/// Checkpoint keys are Hugging Face's.
public final class VisionTransformer: Module {
  @Parameter private var classEmbedding: Tensor
  @Parameter private var patchWeight: Tensor
  @Parameter private var positions: Tensor
  @Child private var preNorm: LayerNorm
  @Child private var layers: [TransformerLayer]
  @Child private var postNorm: LayerNorm
  @Child private var projection: Linear
  /// The geometry.
  public let configuration: CLIPConfiguration.Vision

  /// Makes a tower with random weights.
  public init(_ configuration: CLIPConfiguration.Vision, projectionSize: Int, generator: Generator) throws {
    self.configuration = configuration
    let width = configuration.hiddenSize
    let patch = configuration.patchSize
    let grid = configuration.imageSize / patch
    let deviation = 1 / Double(width).squareRoot()
    _classEmbedding = Parameter(
      "vision_model.embeddings.class_embedding", try .randomNormal([width], generator: generator) * deviation)
    _patchWeight = Parameter(
      "vision_model.embeddings.patch_embedding.weight",
      try .randomNormal([width, 3, patch, patch], generator: generator)
        * (1 / Double(3 * patch * patch).squareRoot()))
    _positions = Parameter(
      "vision_model.embeddings.position_embedding.weight",
      try .randomNormal([grid * grid + 1, width], generator: generator) * deviation)
    _preNorm = Child("vision_model.pre_layrnorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _layers = Child(
      "vision_model.encoder.layers",
      try (0..<configuration.layers).map { _ in
        try TransformerLayer(
          width: width, innerWidth: configuration.intermediateSize, heads: configuration.heads,
          layers: configuration.layers, activation: configuration.activation, epsilon: configuration.epsilon,
          generator: generator)
      })
    _postNorm = Child("vision_model.post_layernorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _projection = Child(
      "visual_projection", try Linear(width, projectionSize, bias: false, generator: generator))
    super.init()
    try projection.initialize(deviation: deviation, generator)
  }

  /// Encodes normalised pixels in one pass.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W; sides that are no multiple of the patch lose the remainder.
  ///   - dense: how the last block is read; nil skips the dense features (they are then the image embedding).
  ///   - hidden: layers whose outputs are wanted, counted from 1.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(
    _ pixels: Tensor, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    guard hidden.allSatisfy((1...layers.count).contains) else {
      throw TorchError.value("layers \(hidden) are not all from 1 to \(layers.count)")
    }
    let patches = try pixels.conv2d(patchWeight, stride: configuration.patchSize)
    let sizes = patches.shape
    let (batch, height, width) = (sizes[0], sizes[2], sizes[3])
    let tokens = try patches.flattened(from: 2).transposed(1, 2)
    let head = try classEmbedding.to(tokens.dtype).expanded(to: [batch, 1, -1])
    var x = try preNorm(.concatenated([head, tokens], dim: 1) + positions(height, width))
    var before = x
    var kept: [Int: Tensor] = [:]
    for (index, layer) in layers.enumerated() {
      before = x
      x = try layer(x)
      if hidden.contains(index + 1) { kept[index + 1] = try grid(x, height, width) }
    }
    let image = try projection(postNorm(x.selected(dim: 1, index: 0)))
    guard let dense, let last = layers.last else { return .init(image: image, dense: image, layers: []) }
    let read = try dense.read(last, before: before, after: x)
    let features = try grid(projection(postNorm(read)), height, width)
    return ImageFeatures(image: image, dense: features, layers: hidden.compactMap { kept[$0] })
  }

  /// The parameters of the last layers with all that follows them; of everything when `count` is nil.
  public func parameters(ofLast count: Int?) -> [NamedTensor] {
    guard let count else { return parameters() }
    let first = max(0, layers.count - count)
    let tuned = (first..<layers.count).map { "vision_model.encoder.layers.\($0)." }
    let ends = ["vision_model.post_layernorm.", "visual_projection."]
    return parameters().filter { parameter in (tuned + ends).contains { parameter.key.hasPrefix($0) } }
  }

  /// B×(1+h·w)×c → B×h×w×c, without the class token.
  private func grid(_ tokens: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    let sizes = tokens.shape
    return try tokens.narrowed(dim: 1, start: 1, length: height * width)
      .reshaped([sizes[0], height, width, sizes[2]])
  }

  /// The position embeddings, interpolated (bicubic) when the grid is not the trained one.
  private func positions(_ height: Int, _ width: Int) throws -> Tensor {
    let side = configuration.imageSize / configuration.patchSize
    if height == side, width == side { return positions }
    let head = try positions.narrowed(dim: 0, start: 0, length: 1)
    let grid = try positions.narrowed(dim: 0, start: 1, length: side * side)
    let resized = try grid.reshaped([1, side, side, -1]).permuted([0, 3, 1, 2])
      .resized(height: height, width: width, interpolation: .bicubic)
    return try .concatenated([head, resized.flattened(from: 2).squeezed(0).transposed(0, 1)], dim: 0)
  }
}
