import Foundation
import Storage
import Torch

extension CLIPConfiguration {
  /// Reads a model's geometry from its configuration file, or infers it from its weights.
  ///
  /// The file is `config.json` or `open_clip_config.json`. OpenAI's parameter names give the
  /// geometry without a file.
  ///
  /// - Parameter folder: a CLIP folder, or a safetensors file in one.
  /// - Throws: `CLIPError`, `FileError` or `SafetensorsError` that names the file.
  public init(folder: URL) throws {
    try self.init(Checkpoint.folder(folder)) {
      try Checkpoint(Checkpoint.find(folder))
    }
  }

  /// Finds the geometry of a folder and reads the weights only if no file gives it.
  init(_ folder: URL, weights: @escaping () throws -> Checkpoint) throws {
    let (hugging, open) = (
      folder.appendingPathComponent("config.json"), folder.appendingPathComponent("open_clip_config.json")
    )
    if FileManager.default.fileExists(atPath: hugging.path) {
      try self.init(contentsOf: hugging)
    } else if FileManager.default.fileExists(atPath: open.path) {
      try self.init(openCLIP: open, weights: weights)
    } else {
      let checkpoint = try weights()
      // Hugging Face's names do not give, for example, the number of heads.
      if checkpoint.hasHuggingFaceNames { throw CLIPError.missingFile(hugging) }
      self = try checkpoint.inferred()
    }
  }

  /// Reads `open_clip_config.json`, or one of OpenCLIP's model files.
  ///
  /// Every setting is followed, known to have no effect on features, or refused.
  ///
  /// - Parameter url: the file.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  public init(openCLIP url: URL) throws { try self.init(openCLIP: url, weights: nil) }

  /// Reads `open_clip_config.json` with weights, which show the sizes that it lacks.
  private init(openCLIP url: URL, weights: (() throws -> Checkpoint)?) throws {
    self.init()
    var whole = try SettingsReader(url)
    var model = whole
    if let inner = try whole.object("model_cfg") {
      model = inner
      // The preparation of images reads it.
      whole.ignore(["preprocess_cfg"])
      try whole.finish()
    }
    guard let width = try model.integer("embed_dim"), var image = try model.object("vision_cfg"),
      var words = try model.object("text_cfg")
    else {
      throw CLIPError.badFile(
        url, reason: "it must hold embed_dim, vision_cfg and text_cfg of a CLIP")
    }
    projectionSize = width
    let activation = try model.flag("quick_gelu") == true ? "quick_gelu" : "gelu"
    (vision.activation, text.activation) = (activation, activation)
    try readImageTower(&image)
    if let name = try words.optionalText("hf_model_name"), !name.isEmpty {
      try readBert(name, &words, weights: weights)
    } else {
      try Self.refuseForeignTokenizers(&words)
      try readTextTower(&words)
    }
    try model.expect(["init_logit_bias": []])
    // Whether the text tower has names of its own, the scale of logits and the form of outputs.
    model.ignore(["custom_text", "init_logit_scale", "nonscalar_logit_scale", "output_dict"])
    try model.finish()
    try check(url)
  }

  /// Refuses the tokenizers of other libraries, except BERT's in the same folder.
  private static func refuseForeignTokenizers(_ words: inout SettingsReader) throws {
    if let name = words.take("hf_tokenizer_name"), name != .null, name != "",
      !FileManager.default.fileExists(
        atPath: words.file.deletingLastPathComponent().appendingPathComponent("vocab.txt").path)
    {
      throw words.refusal(
        "hf_tokenizer_name", name,
        "supported are CLIP's own tokenizer, and BERT's if its vocab.txt is in the same folder")
    }
    words.ignore(["hf_model_pretrained", "hf_proj_type", "hf_pooler_type", "hf_model_config"])
  }

  private mutating func readImageTower(_ reader: inout SettingsReader) throws {
    vision.imageSize = try reader.side("image_size") ?? 224
    if let name = try reader.optionalText("timm_model_name") { return try readTrunk(name, &reader) }
    // Without a trunk its settings have no effect.
    reader.ignore(Self.trunkSettings)
    let headWidth = try reader.integer("head_width", in: 1...(1 << 16)) ?? 64
    let ratio = try reader.number("mlp_ratio", in: 0.01...64) ?? 4
    if case .array? = reader.peek("layers") {
      // A ResNet has neither patches nor feed-forward layers.
      reader.ignore(["patch_size"])
      let stages = try reader.integers("layers") ?? []
      let stem = try reader.integer("width", in: 2...(1 << 11)) ?? 64
      guard stages.count == 4, stages.allSatisfy({ (1...1024).contains($0) }), stem % 2 == 0 else {
        throw reader.refusal(
          "layers", .array(stages.map { .integer($0) }), "a ResNet has four stages, and an even width")
      }
      guard 32 * stem % headWidth == 0 else {
        throw reader.refusal(
          "head_width", .integer(headWidth), "it must divide 32 times the width, \(32 * stem)")
      }
      setResNet(stages, stem: stem, headWidth: headWidth)
    } else {
      vision.layers = try reader.integer("layers", in: 1...1024) ?? 12
      vision.hiddenSize = try reader.integer("width", in: 1...(1 << 16)) ?? 768
      vision.patchSize = try reader.side("patch_size") ?? 16
      guard vision.hiddenSize % headWidth == 0 else {
        throw reader.refusal(
          "head_width", .integer(headWidth), "it must divide the width, \(vision.hiddenSize)")
      }
      vision.heads = vision.hiddenSize / headWidth
      vision.intermediateSize = Int(Double(vision.hiddenSize) * ratio)
    }
    vision.epsilon = try reader.layerSettings() ?? vision.epsilon
    try reader.expect([
      "attentional_pool": [false], "final_ln_after_pool": [false], "no_ln_pre": [false],
      "output_tokens": [false],
      "pool_type": ["tok"], "pos_embed_type": ["learnable"],
    ])
    // Patches are dropped in training only; the others belong to the pool that is refused.
    reader.ignore(["patch_dropout", "attn_pooler_heads", "attn_pooler_queries"])
    try reader.finish()
  }

  private mutating func readTextTower(_ reader: inout SettingsReader) throws {
    text.hiddenSize = try reader.integer("width", in: 1...(1 << 16)) ?? 512
    text.intermediateSize = Int(
      Double(text.hiddenSize) * (try reader.number("mlp_ratio", in: 0.01...64) ?? 4))
    text.layers = try reader.integer("layers") ?? 12
    let heads = try reader.integer("heads", in: 1...(1 << 16)) ?? 8
    guard text.hiddenSize % heads == 0 else {
      throw reader.refusal("heads", .integer(heads), "it must divide the width, \(text.hiddenSize)")
    }
    text.heads = heads
    text.vocabularySize = try reader.integer("vocab_size") ?? 49408
    text.positions = try reader.integer("context_length") ?? 77
    try readTextEnd(&reader)
    text.epsilon = try reader.layerSettings() ?? text.epsilon
    try reader.expect([
      "embed_cls": [false], "final_ln_after_pool": [false], "output_tokens": [false], "text_arch": ["clip"],
      "tokenizer_kwargs": [.object([:])], "tokenizer_mode": [], "tokenizer_type": [""],
      "variable_text": [false],
    ])
    // OpenCLIP hides padding only together with embed_cls, which is refused.
    reader.ignore(["pad_id", "eos_id", "bos_id"])
    try reader.finish()
  }

  /// Reads attention, pool and projection of CLIP's own text tower.
  private mutating func readTextEnd(_ reader: inout SettingsReader) throws {
    // OpenCLIP takes a sentence's embedding at the position of its largest id.
    text.endToken = 2
    if try reader.flag("no_causal_mask") == true { text.isBidirectional = true }
    let pool = try reader.choice("pool_type", TextPool.allCases.map(\.rawValue)).flatMap(TextPool.init)
    if let pool, pool != .largest { text.pool = pool }
    if pool == .end { text.endToken = try reader.integer("eos_id") ?? 2 }
    let isMapped = try reader.choice("proj_type", ["linear", "none"]) != "none"
    let hasBias = try reader.flag("proj_bias") == true
    guard isMapped || text.hiddenSize == projectionSize else {
      throw reader.refusal(
        "proj_type", "none", "the width \(text.hiddenSize) is not embed_dim, \(projectionSize)")
    }
    if !isMapped { text.projection = .identity } else if hasBias { text.projection = .linearWithBias }
  }

  private mutating func setResNet(_ stages: [Int], stem: Int, headWidth: Int) {
    vision.stages = stages
    vision.layers = stages.reduce(0, +)
    vision.hiddenSize = 32 * stem
    vision.heads = max(1, 32 * stem / max(1, headWidth))
    vision.patchSize = 32
    vision.intermediateSize = 128 * stem
  }

  /// Infers the geometry from OpenAI's or OpenCLIP's parameter names and shapes.
  ///
  /// As OpenAI's loader does, this assumes heads of width 64 and quick GELU. Other models need
  /// `open_clip_config.json`, because names do not show these settings.
  ///
  /// - Throws: `CLIPError.badFile` with the file and the missing key.
  init(inferring tensors: [String: Tensor], file: URL) throws {
    self.init()
    func shape(_ key: String, _ rank: Int) throws -> [Int] {
      guard let shape = tensors[key]?.shape, shape.count == rank else {
        throw CLIPError.badFile(
          file,
          reason: "no config.json stands beside it, and it has no \(key) as OpenAI's models do; add the file")
      }
      return shape
    }
    func count(_ prefix: String) -> Int {
      let places = tensors.keys.compactMap { key -> Substring? in
        key.hasPrefix(prefix) ? key.dropFirst(prefix.count).split(separator: ".").first : nil
      }
      return Set(places).count
    }
    if tensors["visual.layer1.0.conv1.weight"] != nil {
      let stages = (1...4).map { count("visual.layer\($0).") }
      setResNet(stages, stem: try shape("visual.layer1.0.conv1.weight", 4)[0], headWidth: 64)
      vision.imageSize = 32 * Self.side(try shape("visual.attnpool.positional_embedding", 2)[0])
    } else {
      let patches = try shape("visual.conv1.weight", 4)
      vision.hiddenSize = patches[0]
      vision.patchSize = patches[3]
      vision.layers = count("visual.transformer.resblocks.")
      vision.heads = max(1, patches[0] / 64)
      vision.intermediateSize = try shape("visual.transformer.resblocks.0.mlp.c_fc.weight", 2)[0]
      vision.imageSize = patches[3] * Self.side(try shape("visual.positional_embedding", 2)[0])
    }
    let projection = try shape("text_projection", 2)
    projectionSize = projection[1]
    text.hiddenSize = projection[0]
    text.heads = max(1, projection[0] / 64)
    text.layers = count("transformer.resblocks.")
    text.intermediateSize = try shape("transformer.resblocks.0.mlp.c_fc.weight", 2)[0]
    text.vocabularySize = try shape("token_embedding.weight", 2)[0]
    text.positions = try shape("positional_embedding", 2)[0]
    text.endToken = 2
    try check(file)
  }

  /// Returns the side of the square grid of position embeddings; one more is for the class token.
  private static func side(_ count: Int) -> Int { Int(Double(max(0, count - 1)).squareRoot().rounded()) }
}

extension SettingsReader {
  /// Takes the side of a square, a number or a list of two equal ones.
  mutating func side(_ key: String) throws -> Int? {
    guard case .array(let sides)? = peek(key) else { return try integer(key, in: 1...(1 << 16)) }
    _ = take(key)
    guard case .integer(let side)? = sides.first, sides == [.integer(side), .integer(side)] else {
      throw refusal(key, .array(sides), "only squares are supported")
    }
    return side
  }

  /// Takes the settings of a tower's layers that both towers have.
  ///
  /// - Returns: the number that is added to variances, if it is set.
  fileprivate mutating func layerSettings() throws -> Double? {
    try expect([
      "block_type": ["default"], "ls_init_value": [], "qk_norm": [false], "scale_attn": [false],
      "scale_attn_inner": [false], "scale_fc": [false], "scale_heads": [false], "scaled_cosine_attn": [false],
      "act_kwargs": [.object([:])], "norm_type": ["layernorm"],
    ])
    var norm = try settings("norm_kwargs")
    let epsilon = try norm?.number("eps", in: 0...1)
    try norm?.finish()
    return epsilon
  }
}
