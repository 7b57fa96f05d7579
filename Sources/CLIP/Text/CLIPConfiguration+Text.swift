import Foundation

/// The token of CLIP's own text tower that stands for a sentence, by OpenCLIP's names.
public enum TextPool: String, Codable, Sendable, CaseIterable {
  /// The token with the largest id, which is the end token of CLIP's vocabulary.
  case largest = "argmax"
  /// The first end token.
  case end = "eos"
  /// The first token.
  case first
  /// The last token of the window, which may be padding.
  case last
}

/// The map of CLIP's own text tower to the joint space.
public enum TextProjection: String, Codable, Sendable, CaseIterable {
  /// One product.
  case linear
  /// One product with a bias.
  case linearWithBias = "linear-bias"
  /// No map: the tower has the width of the joint space.
  case identity = "none"
  /// SigLIP's head: one product with a bias, under another name in checkpoints.
  case head
}

extension CLIPConfiguration {
  /// The settings of a BERT text tower that CLIP's own tower lacks.
  ///
  /// Sizes are in `Text`. Its `positions` is the window of sentences, which may be smaller than the
  /// table of positions here.
  public struct Bert: Codable, Equatable, Sendable {
    /// The way to the embedding of a sentence, by OpenCLIP's names of `hf_pooler_type`.
    public enum Pooler: String, Codable, Sendable, CaseIterable {
      /// The first token, then BERT's own pooler: a product and tanh.
      case pooler = "cls_pooler"
      /// The first token.
      case first = "cls_last_hidden_state_pooler"
      /// The mean of the tokens that are not padding.
      case mean = "mean_pooler"
      /// The largest value of the tokens that are not padding, for each channel.
      case max = "max_pooler"
    }

    /// The map to the joint space, by OpenCLIP's names of `hf_proj_type`.
    public enum Projection: String, Codable, Sendable, CaseIterable {
      /// One product without a bias.
      case linear
      /// Two products without biases, with GELU between them.
      case mlp
      /// No map: the tower has the width of the joint space.
      case identity = "none"
    }

    /// The number of positions of the table.
    public var positions = 512
    /// The number of types of segments, of which the first is used.
    public var segments = 2
    /// The way to the embedding of a sentence.
    public var pooler = Pooler.mean
    /// The map to the joint space.
    public var projection = Projection.mlp
    /// The token that the attention does not see.
    public var padToken = 0

    enum CodingKeys: String, CodingKey {
      case positions = "max_position_embeddings"
      case segments = "type_vocab_size"
      case pooler
      case projection = "proj"
      case padToken = "pad_token_id"
    }

    /// Describes BERT's tables with OpenCLIP's pooling and projection.
    public init() {}

    /// The sizes with their names and limits.
    var sizes: [(String, Int, Int)] {
      [
        ("text_config.bert.max_position_embeddings", positions, 1 << 20),
        ("text_config.bert.type_vocab_size", segments, 1 << 16),
      ]
    }
  }

  /// Checks that the text tower can be trained with a vocabulary that is learnt from captions.
  ///
  /// - Parameter file: the file of the geometry, for the message.
  /// - Throws: `CLIPError.badSetting` that names the setting.
  package func requireTrainableText(in file: URL) throws {
    func refuse(_ key: String, _ value: String, _ reason: String) -> CLIPError {
      .badSetting(file, key: "text_config.\(key)", value: value, wanted: reason + "; remove it")
    }
    if text.bert != nil {
      throw refuse(
        "bert", "set", "clip pretrain learns byte pairs, and a BERT needs its WordPiece vocabulary")
    }
    if isSigLIP {
      throw CLIPError.badSetting(
        file, key: "model_type", value: "\"siglip\"",
        wanted: "clip pretrain trains a CLIP, whose loss is another; take a geometry of a CLIP")
    }
    // Batches are cut to their longest sentence.
    if text.isBidirectional == true {
      throw refuse("bidirectional", "true", "clip pretrain trains CLIP's causal text tower")
    }
    if let pool = text.pool, pool == .last || pool == .first {
      throw refuse("text_pool", "\"\(pool.rawValue)\"", "clip pretrain reads the end token")
    }
  }

  /// The first setting of the text tower that does not fit the others.
  var textFault: (key: String, value: String, wanted: String)? {
    guard let bert = text.bert else {
      guard text.projection == TextProjection.identity, text.hiddenSize != projectionSize else { return nil }
      return (
        "text_config.text_proj", "\"none\"",
        "the text tower has the width \(text.hiddenSize), and projection_dim is \(projectionSize)"
      )
    }
    if bert.positions < text.positions {
      return (
        "text_config.max_position_embeddings", "\(text.positions)",
        "the BERT has only \(bert.positions) positions"
      )
    }
    if bert.projection == .identity, text.hiddenSize != projectionSize {
      return (
        "text_config.bert.proj", "\"none\"",
        "the BERT has the width \(text.hiddenSize), and projection_dim is \(projectionSize)"
      )
    }
    let alone = [
      ("text_pool", text.pool?.rawValue), ("bidirectional", text.isBidirectional.map { "\($0)" }),
      ("text_proj", text.projection?.rawValue),
    ]
    return alone.first { $0.1 != nil }
      .map { ("text_config.\($0.0)", $0.1 ?? "", "it is for CLIP's own text tower, not for a BERT") }
  }
}

extension CLIPConfiguration.Bert {
  /// Reads the settings under `bert`, a key of ours, and refuses all others.
  init(_ reader: SettingsReader) throws {
    var reader = reader
    self.init()
    positions = try reader.integer("max_position_embeddings") ?? positions
    segments = try reader.integer("type_vocab_size") ?? segments
    pooler = try reader.choice("pooler", Pooler.allCases.map(\.rawValue)).flatMap(Pooler.init) ?? pooler
    projection =
      try reader.choice("proj", Projection.allCases.map(\.rawValue)).flatMap(Projection.init) ?? projection
    padToken = try reader.integer("pad_token_id") ?? padToken
    try reader.finish()
  }
}
