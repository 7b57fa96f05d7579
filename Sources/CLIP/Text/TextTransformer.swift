import Torch

/// CLIP's text tower: token ids → embeddings.
///
/// Checkpoint keys are Hugging Face's.
public final class TextTransformer: TextTower {
  @Child private var tokenEmbedding: Embedding
  @Parameter private var positions: Tensor
  @Child private var layers: [TransformerLayer]
  @Child private var finalNorm: LayerNorm
  @Child private var projection: Linear?

  /// Makes a tower with random weights.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - projectionSize: the width d of the joint space.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError` with libtorch's message.
  public convenience init(
    _ configuration: CLIPConfiguration.Text, projectionSize: Int, generator: Generator
  ) throws {
    try self.init(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  init(_ configuration: CLIPConfiguration.Text, projectionSize: Int, _ initializer: Initializer) throws {
    let width = configuration.hiddenSize
    _tokenEmbedding = Child(
      "text_model.embeddings.token_embedding",
      try initializer.embedding(count: configuration.vocabularySize, width: width, deviation: 0.02))
    _positions = Parameter(
      "text_model.embeddings.position_embedding.weight",
      try initializer.normal([configuration.positions, width], deviation: 0.01))
    _layers = Child(
      "text_model.encoder.layers",
      try (0..<configuration.layers).map { _ in
        try TransformerLayer(
          width: width, innerWidth: configuration.intermediateSize, heads: configuration.heads,
          layers: configuration.layers, activation: configuration.activation, epsilon: configuration.epsilon,
          initializer)
      })
    _finalNorm = Child("text_model.final_layer_norm", try LayerNorm(width, epsilon: configuration.epsilon))
    let kind = configuration.projection ?? .linear
    guard kind != .identity || width == projectionSize else {
      throw TorchError.value("a text tower of width \(width) needs a projection to \(projectionSize)")
    }
    _projection = Child(
      kind == .head ? "text_model.head" : "text_projection",
      kind == .identity
        ? nil
        : try initializer.linear(
          width, projectionSize, bias: kind != .linear, deviation: 1 / Double(width).squareRoot()))
    super.init(configuration)
  }

  package override var name: String { "CLIP's text transformer" }

  package override func readsPadding(_ padding: Int) -> Bool {
    configuration.isBidirectional == true || configuration.pool == .last
  }

  /// Maps token ids, int64 n×L, to the embeddings of the tokens, n×L×w, without positions.
  public override func tokens(_ ids: Tensor) throws -> Tensor {
    _ = try ids.sizes(rank: 2, "token ids")
    return try tokenEmbedding(ids.to(positions.device))
  }

  /// Maps token embeddings, which may be learned, to sentence embeddings n×d.
  public override func callAsFunction(tokens: Tensor, endingAs ids: Tensor) throws -> Tensor {
    let length = try tokens.sizes(rank: 3, "embeddings of tokens")[1]
    let ids = try ids.to(positions.device)
    var x = try tokens + positions.narrowed(dim: 0, start: 0, length: length)
    let isCausal = configuration.isBidirectional != true
    for layer in layers { x = try layer(x, causal: isCausal) }
    let sentence = try pooled(finalNorm(x), ids)
    return try projection?(sentence) ?? sentence
  }

  /// Returns the tokens, n×w, that stand for the sentences.
  private func pooled(_ x: Tensor, _ ids: Tensor) throws -> Tensor {
    let marks: Tensor
    switch configuration.pool {
    case .first: return try x.selected(dim: 1, index: 0)
    case .last: return try x.selected(dim: 1, index: -1)
    case .largest: marks = ids
    case .end: marks = try ids.equals(Double(configuration.endToken)).to(.int32)
    // Without a stated pool it is the first end token, or the largest id in old files.
    case nil:
      marks = configuration.endToken == 2 ? ids : try ids.equals(Double(configuration.endToken)).to(.int32)
    }
    let ends = try marks.argmax(dim: 1).reshaped([-1, 1, 1]).expanded(to: [-1, -1, x.size(2)])
    return try x.gathered(dim: 1, index: ends).squeezed(1)
  }
}
