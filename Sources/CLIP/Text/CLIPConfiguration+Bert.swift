import Storage
import Torch

extension CLIPConfiguration {
  /// Reads a text tower that OpenCLIP's file names as a model of transformers: a BERT.
  ///
  /// OpenCLIP takes BERT's sizes from another repository. Here they come from `hf_model_config`, an
  /// object as in BERT's own `config.json`, else from the weights, else they are those of BERT base.
  ///
  /// - Parameters:
  ///   - name: the value of `hf_model_name`.
  ///   - reader: the settings of the text tower; all are taken.
  ///   - weights: reads the weights; nil if there are none.
  /// - Throws: `CLIPError` that names the file and the setting.
  mutating func readBert(
    _ name: String, _ reader: inout SettingsReader, weights: (() throws -> Checkpoint)?
  ) throws {
    // RoBERTa has the same names of weights, but other positions and another tokenizer.
    if name.lowercased().contains("roberta") {
      throw reader.refusal("hf_model_name", .string(name), Self.onlyBert)
    }
    var bert = Bert()
    text = Text()
    (text.hiddenSize, text.intermediateSize, text.layers, text.heads) = (768, 3072, 12, 12)
    (text.vocabularySize, text.activation, text.epsilon, text.endToken) = (30522, "gelu", 1e-12, 2)
    text.positions = try reader.integer("context_length") ?? 77
    // Null stands for OpenCLIP's choice for BERT, which then has no pooler of its own.
    let poolers = Bert.Pooler.allCases.map(\.rawValue)
    let first = Bert.Pooler.first.rawValue
    bert.pooler =
      try reader.choice("hf_pooler_type", poolers, orNull: first).flatMap(Bert.Pooler.init) ?? .mean
    let (maps, none) = (["linear", "mlp"], Bert.Projection.identity.rawValue)
    bert.projection =
      try reader.choice("hf_proj_type", maps, orNull: none).flatMap(Bert.Projection.init) ?? .mlp
    if let weights { try readSizes(of: weights(), &bert) }
    if let sizes = try reader.settings("hf_model_config") {
      try readSizes(sizes, &bert)
    } else if text.hiddenSize % 64 == 0 {
      // All published BERTs have heads of 64 channels.
      text.heads = text.hiddenSize / 64
    } else {
      throw reader.refusal(
        "hf_model_name", .string(name),
        "the weights have \(text.hiddenSize) channels, which do not show the number of heads; write "
          + "\"hf_model_config\": {\"num_attention_heads\": N} beside it")
    }
    if bert.projection == .identity, text.hiddenSize != projectionSize {
      throw reader.refusal(
        "hf_proj_type", .null, "the width \(text.hiddenSize) is not embed_dim, \(projectionSize)")
    }
    if bert.positions < text.positions {
      throw reader.refusal(
        "context_length", .integer(text.positions), "the BERT has only \(bert.positions) positions")
    }
    text.bert = bert
    try reader.expect([
      "output_tokens": [false], "tokenizer_kwargs": [.object([:])], "tokenizer_mode": [""],
      "text_arch": ["clip"], "tokenizer_type": [""], "variable_text": [false],
    ])
    // A file may hold the defaults of CLIP's own tower, which a BERT does not read.
    reader.ignore([
      "hf_tokenizer_name", "hf_model_pretrained", "width", "heads", "layers", "vocab_size", "mlp_ratio",
      "ls_init_value", "embed_cls", "pad_id", "eos_id", "bos_id", "no_causal_mask", "final_ln_after_pool",
      "pool_type", "proj_type", "proj_bias", "act_kwargs", "norm_kwargs", "norm_type", "block_type",
      "qk_norm", "scale_attn", "scale_attn_inner", "scale_fc", "scale_heads", "scaled_cosine_attn",
    ])
    try reader.finish()
  }

  /// The reason why another text tower of transformers is refused.
  static let onlyBert =
    "of the text towers of transformers only BERT is supported, with its WordPiece vocabulary; choose "
    + "another CLIP"

  /// Reads BERT's own settings.
  private mutating func readSizes(_ found: SettingsReader, _ bert: inout Bert) throws {
    var reader = found
    text.hiddenSize = try reader.integer("hidden_size", in: 1...(1 << 16)) ?? text.hiddenSize
    text.intermediateSize = try reader.integer("intermediate_size") ?? text.intermediateSize
    text.layers = try reader.integer("num_hidden_layers") ?? text.layers
    text.vocabularySize = try reader.integer("vocab_size") ?? text.vocabularySize
    let heads = try reader.integer("num_attention_heads", in: 1...(1 << 16))
    guard let heads = heads ?? (text.hiddenSize % 64 == 0 ? text.hiddenSize / 64 : nil) else {
      throw reader.refusal("hidden_size", .integer(text.hiddenSize), "state num_attention_heads beside it")
    }
    text.heads = heads
    text.epsilon = try reader.number("layer_norm_eps", in: 0...1) ?? text.epsilon
    bert.positions = try reader.integer("max_position_embeddings") ?? bert.positions
    bert.segments = try reader.integer("type_vocab_size") ?? bert.segments
    bert.padToken = try reader.integer("pad_token_id") ?? bert.padToken
    try reader.expect([
      "model_type": ["bert"], "hidden_act": ["gelu"], "position_embedding_type": ["absolute"],
    ])
    try reader.finishHuggingFace()
  }

  /// Takes BERT's sizes from the shapes of its weights.
  private mutating func readSizes(of weights: Checkpoint, _ bert: inout Bert) throws {
    let place = "text.transformer."
    func shape(_ key: String) throws -> [Int] {
      guard let tensor = weights.tensors[place + key] else {
        throw CLIPError.badFile(
          weights.file,
          reason: "it lacks \(place + key), which a BERT text tower has; \(Self.onlyBert)")
      }
      guard tensor.rank == 2 else {
        throw CLIPError.badFile(
          weights.file,
          reason: "\(place + key) must have 2 dimensions, its shape is \(tensor.shape); fetch the file again")
      }
      return tensor.shape
    }
    let words = try shape("embeddings.word_embeddings.weight")
    (text.vocabularySize, text.hiddenSize) = (words[0], words[1])
    bert.positions = try shape("embeddings.position_embeddings.weight")[0]
    bert.segments = try shape("embeddings.token_type_embeddings.weight")[0]
    text.intermediateSize = try shape("encoder.layer.0.intermediate.dense.weight")[0]
    text.layers = weights.layers(place + "encoder.layer.") ?? text.layers
    guard bert.segments > 1 else {
      throw CLIPError.badFile(
        weights.file, reason: "its text tower has one type of segments, as RoBERTa has; \(Self.onlyBert)")
    }
  }
}
