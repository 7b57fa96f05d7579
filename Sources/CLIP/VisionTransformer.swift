import Torch

/// CLIP's vision transformer, of any patch, width and depth.
///
/// A convolutional stem is part of it if the configuration has one.
///
/// Checkpoint keys are Hugging Face's; a stem's are `vision_model.embeddings.stem.…`.
public final class VisionTransformer: ImageTower, ClassTokenFront, VisionPass {
  @Parameter var classEmbedding: Tensor
  @Child var patchEmbedding: PatchEmbedding
  @Parameter var positions: Tensor
  @Child var preNorm: LayerNorm
  @Child var layers: [TransformerLayer]
  @Child var postNorm: LayerNorm
  @Child var projection: Linear

  /// Makes a tower with random weights.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - projectionSize: the width d of the joint space.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError` with libtorch's message.
  public convenience init(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, generator: Generator
  ) throws {
    try self.init(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  init(_ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer) throws {
    let width = configuration.hiddenSize
    let grid = configuration.imageSize / configuration.patchSize
    let deviation = 1 / Double(width).squareRoot()
    _classEmbedding = Parameter(
      "vision_model.embeddings.class_embedding", try initializer.normal([width], deviation: deviation))
    _patchEmbedding = Child("vision_model.embeddings", try PatchEmbedding(configuration, initializer))
    _positions = Parameter(
      "vision_model.embeddings.position_embedding.weight",
      try initializer.normal([grid * grid + 1, width], deviation: deviation))
    _preNorm = Child("vision_model.pre_layrnorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _layers = Child(
      "vision_model.encoder.layers",
      try (0..<configuration.layers).map { _ in
        try TransformerLayer(
          width: width, innerWidth: configuration.intermediateSize, heads: configuration.heads,
          layers: configuration.layers, activation: configuration.activation, epsilon: configuration.epsilon,
          initializer)
      })
    _postNorm = Child("vision_model.post_layernorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _projection = Child(
      "visual_projection",
      try initializer.linear(width, projectionSize, bias: false, deviation: deviation))
    super.init(configuration)
  }

  /// The width of the tokens, for each layer.
  public override var hiddenWidths: [Int] { layers.map { _ in configuration.hiddenSize } }

  /// The side of a patch, for each layer.
  public override var hiddenStrides: [Int] { layers.map { _ in configuration.patchSize } }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { projection.weight.shape[0] }

  /// Its position embeddings belong to the grid of one input size.
  package override var hasPositionEmbeddings: Bool { true }

  override var pass: (any ResumingPass)? { self }
  var front: VisionTransformer { self }
  var towerDepth: Int { layers.count }
  var tokenType: DType? { nil }

  /// Compiles all layers, normalisations and the projection.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    let front = try compiledFront(for: precision, upTo: layers.count)
    defer { releasePages() }
    return CompiledImageTower(
      CompiledVisionTransformer(
        front: front, postNorm: try postNorm.compiled(), projection: try projection.compiled(for: precision)))
  }

  /// Compiles the patch embedding, the first normalisation and the first layers.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(for precision: Precision, upTo depth: Int) throws -> CompiledVisionFront {
    CompiledVisionFront(
      configuration: configuration, classEmbedding: try classEmbedding.detached().copy(),
      patchEmbedding: try patchEmbedding.compiled(for: precision),
      positions: try positions.detached().copy(), preNorm: try preNorm.compiled(),
      layers: try layers.prefix(depth).enumerated().map { index, layer in
        // Dense features are read from the last block.
        try layer.compiled(for: precision, readsValues: index == layers.count - 1)
      }, towerDepth: layers.count, tokenType: precision.activationType)
  }

  /// Returns the number of layers before the last ones, of which there is at least one.
  public override func depth(beforeLast count: Int) -> Int { max(0, layers.count - max(1, count)) }

  override var layerKeys: [String] { layers.indices.map { "vision_model.encoder.layers.\($0)." } }
  override var endKeys: [String] { ["vision_model.post_layernorm.", "visual_projection."] }

  /// Returns the patch embedding, the first normalisation and the first layers.
  public override func modules(before depth: Int) -> [Module] {
    [patchEmbedding, preNorm] + Array(layers.prefix(depth))
  }
}
