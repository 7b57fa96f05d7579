import Torch

/// CLIP's vision transformer, of any patch, width and depth, with a convolutional stem where the configuration has one.
///
/// Checkpoint keys are Hugging Face's; a stem's are `vision_model.embeddings.stem.…`.
public final class VisionTransformer: ImageTower {
  @Parameter private var classEmbedding: Tensor
  @Child private var patchEmbedding: PatchEmbedding
  @Parameter private var positions: Tensor
  @Child private var preNorm: LayerNorm
  @Child private var layers: [TransformerLayer]
  @Child private var postNorm: LayerNorm
  @Child private var projection: Linear
  /// Of tokens, once weights are laid out for inference.
  private var preparedType: DType?

  /// Makes a tower with random weights.
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
    // Dense features are read from the last block.
    layers.last?.attention.readsValues = true
  }

  /// The width of the tokens, for each layer.
  public override var hiddenWidths: [Int] { layers.map { _ in configuration.hiddenSize } }

  /// The side of a patch, for each layer.
  public override var hiddenStrides: [Int] { layers.map { _ in configuration.patchSize } }

  /// Encodes normalised pixels up to a layer; position embeddings are interpolated when the grid is not the trained one.
  public override func trunk(_ pixels: Tensor, depth: Int, hidden: [Int] = []) throws -> ImageTrunk {
    try check(hidden: hidden)
    let type = isTraining ? nil : preparedType
    let patches = try patchEmbedding(pixels.to(type ?? pixels.dtype))
    let sizes = try patches.sizes(rank: 4, "the patches")
    let (batch, height, width) = (sizes[0], sizes[2], sizes[3])
    let tokens = try patches.flattened(from: 2).transposed(1, 2)
    let head = try classEmbedding.to(tokens.dtype).expanded(to: [batch, 1, -1])
    let places = try interpolated(
      positions, side: configuration.imageSize / configuration.patchSize, height: height, width: width)
    var x = try preNorm(.concatenated([head, tokens], dim: 1) + places.to(tokens.dtype))
    let wanted = kept(hidden, before: depth)
    var outputs: [Tensor] = []
    for (index, layer) in layers.prefix(depth).enumerated() {
      x = try layer(x)
      if wanted.contains(index + 1) { outputs.append(try grid(x, height, width)) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, grid: [height, width])
  }

  /// Takes up a pass that was stopped before a layer.
  public override func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    var kept = try outputs(trunk, hidden: hidden)
    let (height, width) = (trunk.grid[0], trunk.grid[1])
    var x = trunk.input
    var before = x
    if hidden.contains(trunk.depth) { kept[trunk.depth] = try grid(x, height, width) }
    for (index, layer) in layers.enumerated().dropFirst(trunk.depth) {
      before = x
      x = try layer(x)
      if hidden.contains(index + 1) { kept[index + 1] = try grid(x, height, width) }
    }
    let image = try projection(postNorm(x.selected(dim: 1, index: 0)))
    var features = image
    if let dense, let last = layers.last {
      // The last block is read from what goes into it, so a trunk has to end before it.
      guard trunk.depth < layers.count else {
        throw TorchError.value(
          "dense features need the last layer's input, but the pass was stopped after it")
      }
      let read = try dense.read(last, before: before, after: x)
      features = try grid(projection(postNorm(read)), height, width)
    }
    let found = ImageFeatures(image: image, dense: features, layers: hidden.compactMap { kept[$0] })
    return preparedType == nil || isTraining ? found : try found.map { try $0.to(.float32) }
  }

  /// Lays weights out for inference; what comes out stays float32.
  public override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    try super.prepare(for: precision, keepingWeights: keepingWeights)
    preparedType = precision.activationType
  }

  /// The parameters of the last layers with all that follows them; all when `count` is nil.
  public override func parameters(ofLast count: Int?) -> [NamedTensor] {
    guard let count else { return parameters() }
    let first = max(0, layers.count - count)
    let tuned = (first..<layers.count).map { "vision_model.encoder.layers.\($0)." }
    let ends = ["vision_model.post_layernorm.", "visual_projection."]
    return parameters().filter { parameter in (tuned + ends).contains { parameter.key.hasPrefix($0) } }
  }

  /// Patch embedding, first norm and the first layers.
  public override func modules(before depth: Int) -> [Module] {
    [patchEmbedding, preNorm] + Array(layers.prefix(depth))
  }

  /// B×(1+h·w)×c → B×h×w×c, without the class token.
  private func grid(_ tokens: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    let sizes = tokens.shape
    return try tokens.narrowed(dim: 1, start: 1, length: height * width)
      .reshaped([sizes[0], height, width, sizes[2]])
  }
}
