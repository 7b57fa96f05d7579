import Torch

/// CLIP's text tower: token ids → embeddings.
///
/// Checkpoint keys are Hugging Face's.
public final class TextTransformer: Module {
  @Child private var tokenEmbedding: Embedding
  @Parameter private var positions: Tensor
  @Child private var layers: [TransformerLayer]
  @Child private var finalNorm: LayerNorm
  @Child private var projection: Linear
  /// The geometry.
  public let configuration: CLIPConfiguration.Text

  /// Makes a tower with random weights.
  public convenience init(
    _ configuration: CLIPConfiguration.Text, projectionSize: Int, generator: Generator
  ) throws {
    try self.init(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  init(_ configuration: CLIPConfiguration.Text, projectionSize: Int, _ initializer: Initializer) throws {
    self.configuration = configuration
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
    _projection = Child(
      "text_projection",
      try initializer.linear(
        width, projectionSize, bias: false, deviation: 1 / Double(width).squareRoot()))
  }

  /// Token ids, int64 n×L → embeddings n×d, projected, not normalised.
  ///
  /// - Throws: `TorchError` for ids outside the vocabulary or a window that is too long.
  public func callAsFunction(_ ids: Tensor) throws -> Tensor {
    try self(tokens: tokens(ids), endingAs: ids)
  }

  /// Token ids, int64 n×L → the embeddings of the tokens, n×L×w, without positions.
  ///
  /// - Throws: `TorchError` for ids outside the vocabulary or of another rank.
  public func tokens(_ ids: Tensor) throws -> Tensor {
    _ = try ids.sizes(rank: 2, "token ids")
    return try tokenEmbedding(ids.to(positions.device))
  }

  /// Embeddings of tokens, some of them perhaps learned → embeddings of sentences n×d, projected, not normalised.
  ///
  /// - Parameters:
  ///   - tokens: n×L×w, without positions.
  ///   - ids: the token ids of sentences that end where these do, int64 n×L.
  /// - Returns: one row a sentence.
  /// - Throws: `TorchError` when shapes do not fit or the window is too long.
  public func callAsFunction(tokens: Tensor, endingAs ids: Tensor) throws -> Tensor {
    let length = try tokens.sizes(rank: 3, "embeddings of tokens")[1]
    let ids = try ids.to(positions.device)
    var x = try tokens + positions.narrowed(dim: 0, start: 0, length: length)
    for layer in layers { x = try layer(x, causal: true) }
    // The sentence is read at its end token: the first one, or the largest id in files of the old kind.
    let marks = configuration.endToken == 2 ? ids : try ids.equals(Double(configuration.endToken)).to(.int32)
    let ends = try marks.argmax(dim: 1).reshaped([-1, 1, 1]).expanded(to: [-1, -1, x.size(2)])
    return try projection(finalNorm(x).gathered(dim: 1, index: ends).squeezed(1))
  }
}
