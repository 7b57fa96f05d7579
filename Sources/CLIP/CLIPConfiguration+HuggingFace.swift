import Foundation
import Storage

extension CLIPConfiguration {
  /// Reads a configuration; missing settings get Hugging Face's defaults.
  ///
  /// Every setting is followed, known to have no effect on features, or refused.
  ///
  /// - Parameter url: the file, in the form of Hugging Face's `config.json`.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  public init(contentsOf url: URL) throws {
    self.init()
    var whole = try SettingsReader(url)
    if let kind = whole.peek("model_type"), kind == "siglip" || kind == "siglip2" {
      guard kind == "siglip" else {
        throw whole.refusal(
          "model_type", kind,
          "SigLIP 2 for images of any shape (NaFlex) is not supported; choose one of a fixed size, such as "
            + "siglip2-base-patch16-224")
      }
      _ = whole.take("model_type")
      try readSigLIP(&whole)
      try check(url)
      return
    }
    try whole.expect(["model_type": ["clip", "siglip"]])
    if whole.peek("architecture") != nil, whole.peek("vision_config") == nil {
      let folder = url.deletingLastPathComponent()
      throw CLIPError.badFile(
        url,
        reason: "this is an image trunk, which has no text tower; make words for it with mcdrl "
          + "clip pretrain --trunk \(folder.path) (docs/guides/real-hospitals.md)")
    }
    guard whole.peek("vision_config")?.members != nil, whole.peek("text_config")?.members != nil else {
      throw CLIPError.badFile(
        url, reason: "it must hold vision_config and text_config, as Hugging Face writes them")
    }
    projectionSize = try whole.integer("projection_dim") ?? projectionSize
    vision = try Self.tower("vision_config", in: &whole, Vision.init) ?? vision
    text = try Self.tower("text_config", in: &whole, Text.init) ?? text
    whole.ignore(["logit_scale_init_value"])
    try whole.finishHuggingFace()
    try check(url)
  }

  /// Throws the error of an impossible size of a file.
  func check(_ file: URL) throws {
    if let fault {
      throw CLIPError.badSetting(file, key: fault.key, value: fault.value, wanted: fault.wanted)
    }
  }

  /// Reads the settings of a tower.
  ///
  /// Old files repeat them under a second key. If it is there, only its settings and the defaults
  /// count, as in Hugging Face's reader.
  private static func tower<Tower>(
    _ key: String, in whole: inout SettingsReader, _ read: (SettingsReader) throws -> Tower
  ) throws -> Tower? {
    let present = try whole.object(key).map(read)
    return try whole.settings(key + "_dict").map(read) ?? present
  }
}

/// The sizes that image and text transformers share.
protocol TransformerSizes {
  var hiddenSize: Int { get set }
  var intermediateSize: Int { get set }
  var layers: Int { get set }
  var heads: Int { get set }
  var activation: String { get set }
  var epsilon: Double { get set }
}

extension CLIPConfiguration.Vision: TransformerSizes {}
extension CLIPConfiguration.Text: TransformerSizes {}

extension SettingsReader {
  /// Reads the sizes of a transformer by Hugging Face's names; absent ones stay as they are.
  ///
  /// - Throws: `CLIPError` that names the file and the setting.
  mutating func readTransformer(into tower: inout some TransformerSizes) throws {
    tower.hiddenSize = try integer("hidden_size") ?? tower.hiddenSize
    tower.intermediateSize = try integer("intermediate_size") ?? tower.intermediateSize
    tower.layers = try integer("num_hidden_layers") ?? tower.layers
    tower.heads = try integer("num_attention_heads") ?? tower.heads
    tower.activation = try choice("hidden_act", CLIPConfiguration.activations) ?? tower.activation
    tower.epsilon = try number("layer_norm_eps", in: 0...1) ?? tower.epsilon
  }
}

extension CLIPConfiguration.Vision {
  fileprivate init(_ reader: SettingsReader) throws {
    var reader = reader
    self.init()
    try reader.readTransformer(into: &self)
    imageSize = try reader.integer("image_size") ?? imageSize
    patchSize = try reader.integer("patch_size") ?? patchSize
    stages = try reader.integers("resnet_layers")
    stemChannels = try reader.integers("stem_channels")
    trunk = try reader.text("trunk")
    trunkPool = try reader.choice("trunk_pool", TokenPool.allCases.map(\.rawValue))
      .flatMap(TokenPool.init)
    trunkProjection = try reader.choice("trunk_proj", TrunkProjection.Kind.allCases.map(\.rawValue))
    trunkProjectionHasBias = try reader.flag("trunk_proj_bias")
    try reader.expect(["num_channels": [3], "model_type": ["clip_vision_model"]])
    try reader.finishHuggingFace()
  }
}

extension CLIPConfiguration.Text {
  fileprivate init(_ reader: SettingsReader) throws {
    var reader = reader
    self.init()
    try reader.readTransformer(into: &self)
    vocabularySize = try reader.integer("vocab_size") ?? vocabularySize
    positions = try reader.integer("max_position_embeddings") ?? positions
    endToken = try reader.integer("eos_token_id") ?? endToken
    pool = try reader.choice("text_pool", TextPool.allCases.map(\.rawValue)).flatMap(TextPool.init)
    isBidirectional = try reader.flag("bidirectional")
    projection = try reader.choice("text_proj", TextProjection.allCases.map(\.rawValue))
      .flatMap(TextProjection.init)
    bert = try reader.settings("bert").map(CLIPConfiguration.Bert.init)
    try reader.expect(["model_type": ["clip_text_model"]])
    try reader.finishHuggingFace()
  }
}

extension SettingsReader {
  /// Takes Hugging Face's general settings and refuses all others.
  mutating func finishHuggingFace() throws {
    try expect([
      "add_cross_attention": [false], "chunk_size_feed_forward": [0], "cross_attention_hidden_size": [],
      "is_decoder": [false], "is_encoder_decoder": [false], "pruned_heads": [.object([:])],
      "quantization_config": [],
    ])
    ignore(Self.training)
    ignore(Self.generation)
    ignore(Self.housekeeping)
    try finish()
  }

  /// Settings of initial weights, of training, and of projections that only lone towers have.
  private static let training: Set<String> = [
    "attention_dropout", "classifier_dropout", "dropout", "gradient_checkpointing", "hidden_dropout",
    "initializer_factor", "initializer_range", "projection_dim", "problem_type", "finetuning_task",
    "task_specific_params", "id2label", "label2id", "num_labels", "tie_encoder_decoder",
    "tie_word_embeddings",
  ]

  /// Settings of text generation, which earlier versions wrote into every file.
  private static let generation: Set<String> = [
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "decoder_start_token_id", "diversity_penalty",
    "do_sample", "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id",
    "exponential_decay_length_penalty",
    "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length", "min_length",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_scores",
    "pad_token_id", "prefix", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
    "sep_token_id", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p", "use_cache",
  ]

  /// Settings that name files and versions, and forms of outputs.
  private static let housekeeping: Set<String> = [
    "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal", "_commit_hash",
    "_name_or_path", "architectures", "attn_implementation", "auto_map", "dtype", "name_or_path",
    "output_attentions", "output_hidden_states", "return_dict", "tf_legacy_loss", "tokenizer_class",
    "torch_dtype", "torchscript", "transformers_version", "use_bfloat16", "use_return_dict",
  ]
}
