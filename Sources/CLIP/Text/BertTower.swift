import Torch

/// BERT as the text tower of a CLIP model, as in BiomedCLIP and UniMedCLIP.
///
/// Checkpoint keys are those of OpenCLIP for a text tower of transformers: `text.transformer.` and
/// Hugging Face's keys, then `text.proj`. Every token attends to all tokens that are not padding,
/// so the padding does not change an embedding. Devlin, Chang, Lee and Toutanova, BERT, NAACL 2019.
public final class BertTower: TextTower {
  @Child private var words: Embedding
  @Child private var positions: Embedding
  @Child private var segments: Embedding
  @Child private var norm: LayerNorm
  @Child private var layers: [BertLayer]
  @Child private var pooler: Linear?
  @Child private var inner: Linear?
  @Child private var projection: Linear?
  private let settings: CLIPConfiguration.Bert

  init(
    _ configuration: CLIPConfiguration.Text, _ settings: CLIPConfiguration.Bert, projectionSize: Int,
    _ initializer: Initializer
  ) throws {
    self.settings = settings
    let (width, place) = (configuration.hiddenSize, "text.transformer.embeddings")
    func table(_ count: Int) throws -> Embedding {
      try initializer.embedding(count: count, width: width, deviation: BertLayer.deviation)
    }
    _words = Child("\(place).word_embeddings", try table(configuration.vocabularySize))
    _positions = Child("\(place).position_embeddings", try table(settings.positions))
    _segments = Child("\(place).token_type_embeddings", try table(settings.segments))
    _norm = Child("\(place).LayerNorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _layers = Child(
      "text.transformer.encoder.layer",
      try (0..<configuration.layers).map { _ in try BertLayer(configuration, initializer) })
    func linear(_ inputs: Int, _ outputs: Int, bias: Bool = false) throws -> Linear {
      try initializer.linear(inputs, outputs, bias: bias, deviation: BertLayer.deviation)
    }
    _pooler = Child(
      "text.transformer.pooler.dense",
      settings.pooler == .pooler ? try linear(width, width, bias: true) : nil)
    let between = (width + projectionSize) / 2
    switch settings.projection {
    case .mlp:
      _inner = Child("text.proj.0", try linear(width, between))
      _projection = Child("text.proj.2", try linear(between, projectionSize))
    case .linear:
      _inner = Child("text.proj", nil)
      _projection = Child("text.proj", try linear(width, projectionSize))
    case .identity:
      guard width == projectionSize else {
        throw TorchError.value("a text tower of width \(width) needs a projection to \(projectionSize)")
      }
      _inner = Child("text.proj", nil)
      _projection = Child("text.proj", nil)
    }
    super.init(configuration)
  }

  package override var name: String { "BERT" }

  package override func readsPadding(_ padding: Int) -> Bool { padding != settings.padToken }

  /// Maps token ids, int64 n×L, to the embeddings of the tokens, n×L×w, without positions.
  public override func tokens(_ ids: Tensor) throws -> Tensor {
    _ = try ids.sizes(rank: 2, "token ids")
    return try words(ids.to(norm.weight.device))
  }

  /// Maps token ids, int64 n×L, to embeddings n×d, projected, not normalised.
  ///
  /// Columns that hold padding alone are not computed.
  public override func callAsFunction(_ ids: Tensor) throws -> Tensor {
    let short = try trimmed(ids.to(norm.weight.device))
    return try self(tokens: tokens(short), endingAs: short)
  }

  /// Maps token embeddings, which may be learned, to sentence embeddings n×d.
  public override func callAsFunction(tokens: Tensor, endingAs ids: Tensor) throws -> Tensor {
    let sizes = try tokens.sizes(rank: 3, "embeddings of tokens")
    let length = sizes[1]
    guard length <= settings.positions else {
      throw TorchError.value(
        "the text tower has \(settings.positions) positions, and a sentence has \(length) tokens; shorten it")
    }
    let ids = try ids.to(norm.weight.device)
    guard ids.shape == [sizes[0], length] else {
      throw TorchError.value("embeddings of \(sizes[0])×\(length) tokens have ids of the shape \(ids.shape)")
    }
    // 1 for a token, 0 for padding, n×L.
    let mask = try ids.equals(Double(settings.padToken)).not().to(tokens.dtype)
    // The number is finite, so that a row of padding alone gives no NaN.
    let added = try ((mask - 1) * 1e30).reshaped([-1, 1, 1, length])
    let places = try positions.weight.narrowed(dim: 0, start: 0, length: length)
    let segment = try segments.weight.narrowed(dim: 0, start: 0, length: 1)
    var x = try norm(tokens + segment + places)
    for layer in layers { x = try layer(x, mask: added) }
    let sentence = try pooled(x, mask.expandedDimension(2))
    let projected = try inner?(sentence).gelu() ?? sentence
    return try projection?(projected) ?? projected
  }

  /// Maps the last layer's tokens, n×L×w, and the mask, n×L×1, to n×w.
  private func pooled(_ x: Tensor, _ mask: Tensor) throws -> Tensor {
    switch settings.pooler {
    case .first: return try x.selected(dim: 1, index: 0)
    case .pooler:
      let first = try x.selected(dim: 1, index: 0)
      return try pooler?(first).tanh() ?? first
    case .mean:
      return try (x * mask).sum([1]) / mask.sum([1]).clamped(min: 1)
    case .max: return try (x + (mask - 1) * 1e30).max([1])
    }
  }

  /// Returns the ids up to the last column that is not padding in all rows; at least one column.
  private func trimmed(_ ids: Tensor) throws -> Tensor {
    let sizes = try ids.sizes(rank: 2, "token ids")
    guard sizes[0] > 0, sizes[1] > 1 else { return ids }
    let filled = try ids.equals(Double(settings.padToken)).not().to(.int64).max([0])
    let places = try Tensor.arange(1, to: sizes[1] + 1).to(filled.device)
    let length = try Int((filled * places).max([0]).item())
    return try ids.narrowed(dim: 1, start: 0, length: max(1, length))
  }
}
