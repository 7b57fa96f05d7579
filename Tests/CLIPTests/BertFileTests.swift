import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Folders with a BERT that are not as they should be, and settings that are followed.
@Suite struct BertFileTests {
  /// Reads OpenCLIP's settings of a text tower, without weights.
  private func open(_ text: String) throws -> CLIPConfiguration {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("open_clip_config.json")
      try Data(
        "{\"model_cfg\": {\"embed_dim\": 64, \"vision_cfg\": {}, \"text_cfg\": {\(text)}}}".utf8
      ).write(to: file)
      return try CLIPConfiguration(openCLIP: file)
    }
  }

  private let name = #""hf_model_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract""#

  @Test func withoutWeightsTheSizesAreThoseOfBERTBase() throws {
    let text = try open(
      name + #", "hf_proj_type": "linear", "hf_pooler_type": null, "context_length": 256, "width": 512"#
    ).text
    #expect(text.hiddenSize == 768 && text.layers == 12 && text.heads == 12 && text.positions == 256)
    #expect(text.vocabularySize == 30522 && text.intermediateSize == 3072 && text.activation == "gelu")
    #expect(text.bert?.pooler == .first && text.bert?.projection == .linear)
    // OpenCLIP's defaults.
    let plain = try open(name).text
    #expect(plain.bert?.pooler == .mean && plain.bert?.projection == .mlp && plain.positions == 77)
  }

  @Test func followsTheSettingsOfCustomTowers() throws {
    let text = try open(
      #""no_causal_mask": true, "pool_type": "last", "proj_bias": true, "pad_id": 1"#
    ).text
    #expect(text.isBidirectional == true && text.pool == .last && text.projection == .linearWithBias)
    let plain = try open(#""no_causal_mask": false, "pool_type": "argmax", "proj_bias": false"#).text
    #expect(plain.isBidirectional == nil && plain.pool == nil && plain.projection == nil)
    let end = try open(#""pool_type": "eos", "eos_id": 7"#).text
    #expect(end.pool == .end && end.endToken == 7)
  }

  @Test(arguments: [
    (#""hf_pooler_type": "attn""#, "hf_pooler_type is \"attn\"; supported: cls_pooler"),
    (#""hf_proj_type": "none""#, "hf_proj_type is \"none\"; supported: linear, mlp"),
    (#""hf_proj_type": null"#, "hf_proj_type is null; the width 768 is not embed_dim, 64"),
    (#""context_length": 600"#, "context_length is 600; the BERT has only 512 positions"),
    (#""tokenizer_mode": "clips""#, "tokenizer_mode"), (#""new": 1"#, "text_cfg.new (1)"),
    (#""tokenizer_kwargs": {"strip_sep_token": true}"#, "tokenizer_kwargs"),
    (#""output_tokens": true"#, "output_tokens"),
    (#""hf_model_config": {"model_type": "electra"}"#, "hf_model_config.model_type is \"electra\""),
    (#""hf_model_config": {"hidden_act": "gelu_new"}"#, "hf_model_config.hidden_act"),
    (
      #""hf_model_config": {"position_embedding_type": "relative_key"}"#,
      "hf_model_config.position_embedding_type"
    ),
    (#""hf_model_config": {"hidden_size": 30}"#, "hidden_size is 30; state num_attention_heads"),
    (#""hf_model_config": {"num_attention_heads": 5}"#, "num_attention_heads is 5"),
    (#""hf_model_config": {"type_vocab_size": 0}"#, "type_vocab_size is 0"),
    (#""hf_model_config": {"new": 1}"#, "hf_model_config.new (1)"),
  ])
  func refusesOtherSettings(_ setting: String, _ part: String) {
    let text = message { _ = try open("\(name), \(setting)") }
    #expect(text.contains("open_clip_config.json: ") && text.contains(part), "\(text)")
  }

  @Test(arguments: [
    (#""bert": {"pooler": "x"}"#, "text_config.bert.pooler is \"x\""),
    (#""bert": {"max_position_embeddings": 5}"#, "the BERT has only 5 positions"),
    (#""bert": {}, "text_pool": "last""#, "text_config.text_pool is last; it is for CLIP's own"),
    (#""bert": {"new": 1}"#, "text_config.bert.new (1)"), (#""text_pool": "x""#, "text_config.text_pool"),
    (#""text_proj": "none", "hidden_size": 64"#, "projection_dim is 512"),
  ])
  func refusesOtherSettingsOfOurForm(_ setting: String, _ part: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data("{\"vision_config\": {}, \"text_config\": {\(setting)}}".utf8).write(to: file)
      let text = message { _ = try CLIPConfiguration(contentsOf: file) }
      #expect(text.contains("config.json: ") && text.contains(part), "\(text)")
    }
  }

  /// Changes the weights of a folder and returns the error of loading it.
  private func spoiled(
    _ name: String, _ change: (inout [String: Tensor]) throws -> Void
  ) throws -> String {
    try BertReference.named(name).withFolder { folder in
      let file = folder.appendingPathComponent("open_clip_model.safetensors")
      var tensors = try SafetensorsFile(file).tensors().mapValues { try $0.copy() }
      try change(&tensors)
      try SafetensorsFile.write(tensors, to: file)
      let text = message { _ = try CLIPModel.load(folder: folder) }
      #expect(text.contains(folder.path), "\(text)")
      return text
    }
  }

  @Test func namesTheWeightsThatDoNotFit() throws {
    let place = "text.transformer.embeddings."
    let missing = try spoiled("no-projection") { $0[place + "word_embeddings.weight"] = nil }
    #expect(missing.contains("lacks text.transformer.embeddings.word_embeddings.weight"), "\(missing)")
    let rank = try spoiled("no-projection") { $0[place + "word_embeddings.weight"] = try .zeros([4]) }
    #expect(rank.contains("its shape is [4]"), "\(rank)")
    let roberta = try spoiled("no-projection") {
      $0[place + "token_type_embeddings.weight"] = try .zeros([1, 32])
    }
    #expect(roberta.contains("one type of segments"), "\(roberta)")
    let words = try spoiled("linear-mean") { $0[place + "word_embeddings.weight"] = try .zeros([9, 36]) }
    #expect(
      words.contains("hf_model_config.vocab_size is") && words.contains("safetensors has 9"), "\(words)")
    let layers = try spoiled("linear-mean") {
      $0 = $0.filter { !$0.key.hasPrefix("text.transformer.encoder.layer.1.") }
    }
    #expect(layers.contains("hf_model_config.num_hidden_layers is 2"), "\(layers)")
    let projection = try spoiled("linear-mean") {
      $0["text.proj.weight"] = nil
      $0["text.proj.0.weight"] = try .zeros([3, 3])
    }
    #expect(projection.contains("text.proj.weight") && projection.contains("text.proj.0.weight"))
    let short = try spoiled("unimedclip") {
      let key = "module.text_encoder.transformer.embeddings.word_embeddings.weight"
      $0[key] = try $0[key]?.narrowed(dim: 0, start: 0, length: 30).copy()
    }
    #expect(short.contains("vocab_size is 30, the vocabulary has"), "\(short)")
  }

  @Test func anUnusedPoolerAndPositionsAreIgnored() throws {
    try BertReference.named("no-projection").withFolder { folder in
      let file = folder.appendingPathComponent("open_clip_model.safetensors")
      var tensors = try SafetensorsFile(file).tensors().mapValues { try $0.copy() }
      tensors["text.transformer.pooler.dense.weight"] = try .zeros([32, 32])
      tensors["text.transformer.embeddings.position_ids"] = try .zeros([1, 40], dtype: .int64)
      try SafetensorsFile.write(tensors, to: file)
      #expect(try CLIPModel.load(folder: folder).text is BertTower)
    }
  }

  @Test func namesTheVocabularyThatIsMissing() throws {
    try BertReference.named("no-projection").withFolder { folder in
      let file = folder.appendingPathComponent("vocab.txt")
      try FileManager.default.removeItem(at: file)
      // CLIP's own vocabulary is not BERT's.
      try writeByteVocabulary(folder)
      let text = message { _ = try CLIPModel.load(folder: folder) }
      #expect(text.contains(file.path) && text.contains("not found") && text.contains("BERT"), "\(text)")
    }
  }

  @Test func pickledWeightsAreNeverLoaded() throws {
    try BertReference.named("no-projection").withFolder { folder in
      let file = folder.appendingPathComponent("open_clip_pytorch_model.bin")
      try FileManager.default.moveItem(
        at: folder.appendingPathComponent("open_clip_model.safetensors"), to: file)
      let text = message { _ = try CLIPModel.load(folder: folder) }
      #expect(text.contains("\(file.path): pickled weights are never loaded"), "\(text)")
    }
  }

  @Test func onlyCLIPsOwnTextTowerIsPretrained() throws {
    let file = URL(fileURLWithPath: "geometry.json")
    var geometry = CLIPConfiguration()
    try geometry.requireTrainableText(in: file)
    geometry.text.isBidirectional = true
    #expect(
      message { try geometry.requireTrainableText(in: file) }.contains("text_config.bidirectional is true"))
    geometry.text.bert = CLIPConfiguration.Bert()
    let text = message { try geometry.requireTrainableText(in: file) }
    #expect(text.contains("geometry.json") && text.contains("WordPiece"), "\(text)")
  }
}
