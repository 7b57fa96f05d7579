import Foundation
import Storage

extension CLIPConfiguration {
  /// Whether the model is a SigLIP: no class token, no causal attention, and a bias of the logits.
  public var isSigLIP: Bool { vision.hasAttentionPool == true }

  /// Reads the rest of a `config.json` whose `model_type` is `siglip`.
  ///
  /// Missing settings get Hugging Face's defaults, which are those of SigLIP B/16.
  ///
  /// - Throws: `CLIPError` that names the file and the setting.
  mutating func readSigLIP(_ whole: inout SettingsReader) throws {
    (vision, text) = (Self.standard.vision, Self.standard.text)
    guard var image = try whole.settings("vision_config"), var words = try whole.settings("text_config")
    else {
      throw CLIPError.badFile(
        whole.file, reason: "it must hold vision_config and text_config, as Hugging Face writes them")
    }
    try vision.readSigLIP(&image)
    projectionSize = vision.hiddenSize
    try text.readSigLIP(&words, projectionSize: projectionSize)
    whole.ignore(["projection_dim"])
    try whole.finishHuggingFace()
  }

  /// SigLIP B/16 at 224 pixels.
  private static let standard: CLIPConfiguration = {
    var standard = CLIPConfiguration()
    standard.vision.hasAttentionPool = true
    standard.vision.patchSize = 16
    (standard.vision.activation, standard.vision.epsilon) = (tanhGelu, 1e-6)
    (standard.text.hiddenSize, standard.text.intermediateSize, standard.text.heads) = (768, 3072, 12)
    (standard.text.vocabularySize, standard.text.positions) = (32000, 64)
    (standard.text.activation, standard.text.epsilon) = (tanhGelu, 1e-6)
    (standard.text.isBidirectional, standard.text.pool, standard.text.projection) = (true, .last, .head)
    return standard
  }()

  /// The first setting of a SigLIP that does not fit the others.
  var sigLIPFault: Fault? {
    let key = "vision_config.vision_use_head"
    guard isSigLIP else {
      return text.projection == .head
        ? ("text_config.text_proj", "\"head\"", "it is SigLIP's, and vision_use_head is not true") : nil
    }
    if text.projection != .head || text.bert != nil {
      return (key, "true", "it is SigLIP's, whose model_type is siglip; remove it")
    }
    if vision.trunk != nil || vision.stages != nil || vision.stemChannels != nil {
      return (key, "true", "it excludes trunk, resnet_layers and stem_channels")
    }
    if vision.hiddenSize != projectionSize {
      return (
        "text_config.projection_size", "\(projectionSize)",
        "it must be vision_config.hidden_size, which is \(vision.hiddenSize)"
      )
    }
    return nil
  }

  /// The members of `config.json` in Hugging Face's form of a SigLIP.
  func sigLIPMembers() throws -> [String: JSONValue] {
    var members = try JSONValue(encoding: self).members ?? [:]
    var words = members["text_config"]?.members ?? [:]
    for key in ["bidirectional", "text_pool", "text_proj", "eos_token_id"] { words[key] = nil }
    words["projection_size"] = .integer(projectionSize)
    words["model_type"] = .string("siglip_text_model")
    var image = members["vision_config"]?.members ?? [:]
    image["model_type"] = .string("siglip_vision_model")
    (members["text_config"], members["vision_config"]) = (.object(words), .object(image))
    members["projection_dim"] = nil
    members["model_type"] = .string("siglip")
    members["architectures"] = .array([.string("SiglipModel")])
    return members
  }
}

extension CLIPConfiguration.Vision {
  fileprivate mutating func readSigLIP(_ reader: inout SettingsReader) throws {
    try reader.readTransformer(into: &self)
    imageSize = try reader.side("image_size") ?? imageSize
    patchSize = try reader.side("patch_size") ?? patchSize
    if let value = reader.take("vision_use_head"), value != true {
      throw reader.refusal(
        "vision_use_head", value,
        "without the attention pool there is no image embedding; choose another model")
    }
    try reader.expect(["num_channels": [3], "model_type": ["siglip_vision_model"]])
    try reader.finishHuggingFace()
  }
}

extension CLIPConfiguration.Text {
  fileprivate mutating func readSigLIP(_ reader: inout SettingsReader, projectionSize: Int) throws {
    try reader.readTransformer(into: &self)
    vocabularySize = try reader.integer("vocab_size") ?? vocabularySize
    positions = try reader.integer("max_position_embeddings") ?? positions
    if reader.peek("projection_size") == .null { _ = reader.take("projection_size") }
    let size = try reader.integer("projection_size") ?? hiddenSize
    guard size == projectionSize else {
      throw reader.refusal(
        "projection_size", .integer(size),
        "it must be vision_config.hidden_size, which is \(projectionSize); without it, it is hidden_size")
    }
    try reader.expect(["model_type": ["siglip_text_model"]])
    try reader.finishHuggingFace()
  }
}
