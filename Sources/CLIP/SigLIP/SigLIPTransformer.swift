import Torch

/// SigLIP's vision transformer: no class token, and an attention pool after the last layer.
///
/// Zhai et al., ICCV 2023; SigLIP 2: Tschannen et al., 2025. Checkpoint keys are Hugging Face's.
/// Position embeddings are interpolated if the grid is not the trained one.
///
/// The pool maps to the joint space. The dense features are those of each position that passes the
/// pool alone, so that its attention sees one token (MaskCLIP's reading of the pool); `maskclip` is
/// therefore the same as `tokens`. `sclip` reads the last layer self-correlatively before it.
public final class SigLIPTransformer: ImageTower, PatchTokenFront, VisionPass {
  @Child var patches: Conv2d
  @Parameter var positions: Tensor
  @Child var layers: [TransformerLayer]
  @Child var postNorm: LayerNorm
  @Child var projection: ProbePool

  /// Makes a tower with random weights.
  ///
  /// - Parameters:
  ///   - configuration: the geometry, with `hasAttentionPool`.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError` with libtorch's message.
  public convenience init(_ configuration: CLIPConfiguration.Vision, generator: Generator) throws {
    try self.init(
      configuration, projectionSize: configuration.hiddenSize, Initializer(generator: generator))
  }

  init(_ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer) throws {
    let (width, inner, epsilon) = (
      configuration.hiddenSize, configuration.intermediateSize, configuration.epsilon
    )
    guard width == projectionSize else {
      throw TorchError.value("SigLIP's image tower of width \(width) has no map to \(projectionSize)")
    }
    let grid = configuration.imageSize / configuration.patchSize
    _patches = Child(
      "vision_model.embeddings.patch_embedding",
      try initializer.convolution(
        3, width, kernel: configuration.patchSize, stride: configuration.patchSize, bias: true))
    _positions = Parameter(
      "vision_model.embeddings.position_embedding.weight",
      try initializer.normal([grid * grid, width], deviation: 1 / Double(width).squareRoot()))
    _layers = Child(
      "vision_model.encoder.layers",
      try (0..<configuration.layers).map { _ in
        try TransformerLayer(
          width: width, innerWidth: inner, heads: configuration.heads, layers: configuration.layers,
          activation: configuration.activation, epsilon: epsilon, initializer)
      })
    _postNorm = Child("vision_model.post_layernorm", try LayerNorm(width, epsilon: epsilon))
    _projection = Child(
      "vision_model.head",
      try ProbePool(
        width: width, innerWidth: inner, heads: configuration.heads,
        activation: configuration.activation, epsilon: epsilon, initializer))
    super.init(configuration)
  }

  /// The width of the tokens, for each layer.
  public override var hiddenWidths: [Int] { layers.map { _ in configuration.hiddenSize } }

  /// The side of a patch, for each layer.
  public override var hiddenStrides: [Int] { layers.map { _ in configuration.patchSize } }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { configuration.hiddenSize }

  /// Its position embeddings belong to the grid of one input size.
  package override var hasPositionEmbeddings: Bool { true }

  /// The name of the architecture in texts.
  package override var name: String { "SigLIP's vision transformer" }

  override var pass: (any ResumingPass)? { self }
  var front: SigLIPTransformer { self }
  var towerDepth: Int { layers.count }
  var tokenType: DType? { nil }
  var poolsFinalTokens: Bool { true }

  func embedding(_ x: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    try projection.pooled(postNorm(x))
  }

  /// Compiles all layers, normalisations and the pool.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    let front = try compiledFront(for: precision, upTo: layers.count)
    defer { releasePages() }
    return CompiledImageTower(
      CompiledSigLIPTransformer(
        front: front, postNorm: try postNorm.compiled(), projection: try projection.compiled(for: precision)))
  }

  /// Compiles the patch embedding and the first layers.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(for precision: Precision, upTo depth: Int) throws -> CompiledPatchTokenFront {
    CompiledPatchTokenFront(
      configuration: configuration, patches: try patches.compiled(for: precision),
      positions: try positions.detached().copy(),
      layers: try layers.prefix(depth).enumerated().map { index, layer in
        // Dense features are read from the last block.
        try layer.compiled(for: precision, readsValues: index == layers.count - 1)
      }, towerDepth: layers.count, tokenType: precision.activationType)
  }

  /// Returns the number of layers before the last ones, of which there is at least one.
  public override func depth(beforeLast count: Int) -> Int { max(0, layers.count - max(1, count)) }

  override var layerKeys: [String] { layers.indices.map { "vision_model.encoder.layers.\($0)." } }
  override var endKeys: [String] { ["vision_model.post_layernorm.", "vision_model.head."] }

  /// Returns the patch embedding and the first layers.
  public override func modules(before depth: Int) -> [Module] { [patches] + Array(layers.prefix(depth)) }
}

/// The first part of a vision transformer without a class token, trained or compiled.
protocol PatchTokenFront: VisionFront {
  associatedtype Patches: Layer

  var configuration: CLIPConfiguration.Vision { get }
  var patches: Patches { get }
  /// n×w, of the trained grid.
  var positions: Tensor { get }
}

extension PatchTokenFront {
  var prefixCount: Int { 0 }

  /// Position embeddings are interpolated if the grid is not the trained one.
  func embedded(_ pixels: Tensor) throws -> (tokens: Tensor, height: Int, width: Int) {
    let found = try patches(pixels.to(tokenType ?? pixels.dtype))
    let sizes = try found.sizes(rank: 4, "the patches")
    let (height, width) = (sizes[2], sizes[3])
    let tokens = try found.flattened(from: 2).transposed(1, 2)
    let side = configuration.imageSize / configuration.patchSize
    let places = try placed(positions, side: side, height: height, width: width)
    return (try tokens + places.to(tokens.dtype), height, width)
  }

  /// Interpolates n×w embeddings, bicubic with pixel centres at half-integers as in Hugging Face.
  private func placed(_ positions: Tensor, side: Int, height: Int, width: Int) throws -> Tensor {
    if height == side, width == side { return positions }
    return try positions.reshaped([1, side, side, -1]).permuted([0, 3, 1, 2])
      .resized(height: height, width: width, interpolation: .bicubic)
      .flattened(from: 2).squeezed(0).transposed(0, 1)
  }
}

/// The first part of SigLIP's vision transformer, compiled for inference.
struct CompiledPatchTokenFront: PatchTokenFront, TrunkPass, Sendable {
  let configuration: CLIPConfiguration.Vision
  let patches: CompiledConvolution
  let positions: Tensor
  let layers: [CompiledTransformerLayer]
  let towerDepth: Int
  let tokenType: DType?
}

/// SigLIP's vision transformer, compiled for inference.
struct CompiledSigLIPTransformer: VisionPass, ImagePass, Sendable {
  let front: CompiledPatchTokenFront
  let postNorm: CompiledLayerNorm
  let projection: CompiledProbePool
  var poolsFinalTokens: Bool { true }

  func embedding(_ x: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    try projection.pooled(postNorm(x))
  }
}
