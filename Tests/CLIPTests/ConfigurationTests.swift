import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Configuration files: published forms load; every other setting is refused by its name.
@Suite struct ConfigurationTests {
  /// Reads a text as `config.json`.
  private func hugging(_ text: String) throws -> CLIPConfiguration {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data(text.utf8).write(to: file)
      return try CLIPConfiguration(contentsOf: file)
    }
  }

  /// Reads the settings of OpenCLIP's towers and of the model.
  private func open(_ vision: String, _ text: String, _ model: String = "") throws -> CLIPConfiguration {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("open_clip_config.json")
      let towers = "\"embed_dim\": 64, \"vision_cfg\": {\(vision)}, \"text_cfg\": {\(text)}"
      try Data("{\"model_cfg\": {\(model)\(towers)}, \"preprocess_cfg\": {}}".utf8).write(to: file)
      return try CLIPConfiguration(openCLIP: file)
    }
  }

  @Test func publishedFilesLoad() throws {
    // The general settings that earlier versions of transformers wrote into each part.
    let general = """
      "_name_or_path": "", "add_cross_attention": false, "architectures": null, "attention_dropout": 0.0,
      "bad_words_ids": null, "begin_suppress_tokens": null, "bos_token_id": 0, "chunk_size_feed_forward": 0,
      "cross_attention_hidden_size": null, "decoder_start_token_id": null, "diversity_penalty": 0.0,
      "do_sample": false, "dropout": 0.0, "early_stopping": false, "encoder_no_repeat_ngram_size": 0,
      "exponential_decay_length_penalty": null, "finetuning_task": null, "forced_bos_token_id": null,
      "forced_eos_token_id": null, "id2label": {"0": "LABEL_0"}, "initializer_factor": 1.0,
      "initializer_range": 0.02, "is_decoder": false, "is_encoder_decoder": false, "label2id": {"LABEL_0": 0},
      "layer_norm_eps": 1e-05, "length_penalty": 1.0, "max_length": 20, "min_length": 0,
      "no_repeat_ngram_size": 0, "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1,
      "output_attentions": false, "output_hidden_states": false, "output_scores": false, "pad_token_id": 1,
      "prefix": null, "problem_type": null, "projection_dim": 512, "pruned_heads": {},
      "remove_invalid_values": false, "repetition_penalty": 1.0, "return_dict": true,
      "return_dict_in_generate": false, "sep_token_id": null, "suppress_tokens": null,
      "task_specific_params": null, "temperature": 1.0, "tf_legacy_loss": false, "tie_encoder_decoder": false,
      "tie_word_embeddings": true, "tokenizer_class": null, "top_k": 50, "top_p": 1.0, "torch_dtype": null,
      "torchscript": false, "transformers_version": "4.24.0", "typical_p": 1.0, "use_bfloat16": false
      """
    let old = try hugging(
      """
      {"_commit_hash": null, "_name_or_path": "x", "architectures": ["CLIPModel"], "initializer_factor": 1.0,
       "logit_scale_init_value": 2.6592, "model_type": "clip", "projection_dim": 512,
       "text_config": {\(general), "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 512,
         "intermediate_size": 2048, "max_position_embeddings": 77, "model_type": "clip_text_model",
         "num_attention_heads": 8, "num_hidden_layers": 12, "vocab_size": 49408},
       "text_config_dict": null, "torch_dtype": "float32", "transformers_version": null,
       "vision_config": {\(general), "eos_token_id": null, "hidden_act": "quick_gelu", "hidden_size": 768,
         "image_size": 224, "intermediate_size": 3072, "model_type": "clip_vision_model", "num_attention_heads": 12,
         "num_channels": 3, "num_hidden_layers": 12, "patch_size": 32},
       "vision_config_dict": null}
      """)
    var expected = CLIPConfiguration()
    expected.text.endToken = 2
    #expect(old == expected)
    let large = try open(
      #""image_size": 224, "layers": 32, "width": 1280, "head_width": 80, "patch_size": 14"#,
      #""context_length": 77, "vocab_size": 49408, "width": 1024, "heads": 16, "layers": 24"#)
    #expect(large.vision.heads == 16 && large.vision.intermediateSize == 5120 && large.text.layers == 24)
    let wide = try open(
      #""layers": 2, "width": 1664, "head_width": 104, "mlp_ratio": 4.9231, "patch_size": 14"#, "")
    #expect(wide.vision.intermediateSize == 8192)
    let resnet = try open(
      #""layers": [3, 4, 6, 3], "width": 64, "patch_size": null"#, "", #""quick_gelu": true, "#)
    #expect(resnet.vision.stages == [3, 4, 6, 3] && resnet.text.activation == "quick_gelu")
    let norms = try open(
      #""norm_kwargs": {"eps": 0.01}, "act_kwargs": {}, "patch_dropout": 0.5, "image_size": [64, 64]"#,
      #""norm_kwargs": {"eps": 0.02}, "pad_id": 1, "hf_tokenizer_name": """#, #""custom_text": true, "#)
    #expect(norms.vision.epsilon == 0.01 && norms.text.epsilon == 0.02 && norms.vision.imageSize == 64)
  }

  @Test(arguments: [
    (#""vision_config": {}, "text_config": {}, "foo": 1"#, "foo (1) is not a known setting"),
    (
      #""vision_config": {"use_head": true}, "text_config": {}"#,
      "vision_config.use_head (true) is not a known"
    ),
    (#""vision_config": {}, "text_config": {"rope": "x"}"#, "text_config.rope (\"x\")"),
    (
      #""vision_config": {}, "text_config": {}, "vision_config_dict": {"rope": 1}"#,
      "vision_config_dict.rope (1)"
    ),
    (
      #""vision_config": {}, "text_config": {}, "model_type": "altclip""#,
      "model_type is \"altclip\"; supported: \"clip\", \"siglip\""
    ),
    (
      #""vision_config": {"num_channels": 1}, "text_config": {}"#,
      "vision_config.num_channels is 1; supported: 3"
    ),
    (#""vision_config": {"hidden_act": "gelu_new"}, "text_config": {}"#, "supported: gelu, quick_gelu"),
    (#""vision_config": {"layer_norm_eps": -1}, "text_config": {}"#, "vision_config.layer_norm_eps is -1"),
    (#""vision_config": {"hidden_size": null}, "text_config": {}"#, "vision_config.hidden_size is null"),
    (#""vision_config": {"hidden_size": 16.5}, "text_config": {}"#, "a whole number"),
    (#""vision_config": {"pruned_heads": {"0": [1]}}, "text_config": {}"#, "pruned_heads"),
    (#""vision_config": {}, "text_config": {"eos_token_id": [1]}"#, "text_config.eos_token_id is [1]"),
    (#""vision_config": {}, "text_config": {}, "quantization_config": {"bits": 8}"#, "it is not supported"),
    (
      #""vision_config": {}, "text_config": {"num_hidden_layers": 2147483648}"#,
      "num_hidden_layers is 2147483648"
    ),
    (#""vision_config": {"num_hidden_layers": 9223372036854775807}, "text_config": {}"#, "at most 1024"),
    (#""vision_config": {"image_size": 1099511627776}, "text_config": {}"#, "image_size is 1099511627776"),
    (#""vision_config": {"patch_size": -8}, "text_config": {}"#, "patch_size is -8"),
    (#""vision_config": {"patch_size": 9223372036854775808}, "text_config": {}"#, "patch_size"),
    (#""vision_config": {"image_size": 65536, "patch_size": 1}, "text_config": {}"#, "this machine has"),
    (
      #""vision_config": {}, "text_config": {"num_hidden_layers": 1000, "hidden_size": 65536}"#,
      "this machine has"
    ),
    (
      #""vision_config": {}, "text_config": {"num_attention_heads": 7}"#,
      "text_config.num_attention_heads is 7"
    ),
    (
      #""vision_config": {"resnet_layers": [1, 1, 1, 9223372036854775807]}, "text_config": {}"#,
      "resnet_layers"
    ),
    (#""vision_config": {"stem_channels": [9223372036854775807]}, "text_config": {}"#, "stem_channels"),
    (#""projection_dim": 0, "vision_config": {}, "text_config": {}"#, "projection_dim is 0"),
    (#""vision_config": {"hidden_size": NaN}, "text_config": {}"#, "line 1, column 35: NaN"),
  ])
  func refusesOtherSettings(_ members: String, _ part: String) throws {
    let text = message { _ = try hugging("{\(members)}") }
    #expect(text.contains("config.json: ") && text.contains(part), "\(text)")
  }

  @Test func refusesOtherSettingsOfOpenCLIP() throws {
    for (vision, words, model, part) in [
      (#""pool_type": "avg""#, "", "", #"model_cfg.vision_cfg.pool_type is "avg"; supported: "tok""#),
      (#""final_ln_after_pool": true"#, "", "", "vision_cfg.final_ln_after_pool is true"),
      (#""attentional_pool": true"#, "", "", "attentional_pool"),
      (#""ls_init_value": 0.1"#, "", "", "ls_init_value is 0.1"),
      (#""pos_embed_type": "sin_cos_2d""#, "", "", "pos_embed_type"),
      (#""no_ln_pre": true"#, "", "", "no_ln_pre"),
      (#""output_tokens": true"#, "", "", "output_tokens"), (#""qk_norm": true"#, "", "", "qk_norm"),
      (#""act_kwargs": {"approximate": "tanh"}"#, "", "", "act_kwargs"),
      (#""norm_kwargs": {"bias": false}"#, "", "", "vision_cfg.norm_kwargs.bias (false)"),
      (#""image_size": [32, 64]"#, "", "", "only squares"), (#""head_width": 5"#, "", "", "head_width is 5"),
      (#""mlp_ratio": 1e300"#, "", "", "mlp_ratio"),
      (#""width": 9223372036854775807"#, "", "", "vision_cfg.width"),
      (#""layers": [1, 2, 3, 9223372036854775807]"#, "", "", "vision_cfg.layers"),
      (#""layers": [1, 1, 1, 1], "width": 4000"#, "", "", "vision_cfg.width is 4000"),
      (#""new": 1"#, "", "", "vision_cfg.new (1) is not a known setting"),
      (
        #""timm_model_name": "swin_base_patch4_window7_224""#, "", "",
        "vision_cfg.timm_model_name is \"swin_base_patch4_window7_224\"; supported: "
      ),
      (
        "", #""hf_model_name": "xlm-roberta-base""#, "",
        "text_cfg.hf_model_name is \"xlm-roberta-base\"; of the text towers of transformers only BERT"
      ),
      ("", #""hf_tokenizer_name": "bert""#, "", "supported are CLIP's own tokenizer, and BERT's"),
      (
        "", #""pool_type": "none""#, "",
        "text_cfg.pool_type is \"none\"; supported: argmax, eos, first, last"
      ),
      ("", #""embed_cls": true"#, "", "embed_cls"),
      ("", #""proj_type": "none""#, "", "proj_type is \"none\"; the width 512 is not embed_dim, 64"),
      ("", #""proj_type": "mlp""#, "", "proj_type"), ("", #""proj_bias": 1"#, "", "proj_bias"),
      ("", #""heads": 3"#, "", "text_cfg.heads is 3"),
      ("", #""tokenizer_kwargs": {"clean": "whitespace"}"#, "", "tokenizer_kwargs"),
      ("", #""vocab_size": 9223372036854775807"#, "", "vocab_size"),
      ("", #""new": 1"#, "", "text_cfg.new (1)"),
      ("", "", #""init_logit_bias": -10, "#, "init_logit_bias is -10"),
      ("", "", #""new": 1, "#, "model_cfg.new (1)"),
    ] {
      let text = message { _ = try open(vision, words, model) }
      #expect(text.contains("open_clip_config.json: ") && text.contains(part), "\(text)")
    }
  }

  /// A copy of a fixture folder that a test may spoil.
  private func withCopy(_ name: String, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent(name)
      try FileManager.default.copyItem(at: fixture(name), to: copy)
      try body(copy)
    }
  }

  @Test func sizesAreComparedWithTheWeightsFirst() throws {
    for (name, file, old, new, part) in [
      (
        "tiny-hf", "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 900",
        "num_hidden_layers is 900"
      ),
      (
        "tiny-hf", "config.json", "\"vocab_size\": 714", "\"vocab_size\": 900000",
        "text_config.vocab_size is 900000"
      ),
      (
        "tiny-openclip", "open_clip_config.json", "\"layers\": 2", "\"layers\": 900",
        "vision_cfg.layers is 900"
      ),
      (
        "tiny-openclip", "open_clip_config.json", "\"context_length\": 77", "\"context_length\": 78",
        "context_length is 78"
      ),
    ] {
      try withCopy(name) { folder in
        let place = folder.appendingPathComponent(file)
        let content = try String(contentsOf: place, encoding: .utf8)
        #expect(content.contains(old))
        try Data(content.replacingOccurrences(of: old, with: new).utf8).write(to: place)
        let text = message { _ = try CLIPModel.load(folder: folder) }
        #expect(
          text.contains(place.path) && text.contains(part) && text.contains("safetensors has"), "\(text)")
      }
    }
    try withCopy("tiny-hf") { folder in
      try Data(#"{"model_max_length": 20}"#.utf8).write(
        to: folder.appendingPathComponent("tokenizer_config.json"))
      #expect(message { _ = try CLIPModel.load(folder: folder) }.contains("model_max_length is 20"))
    }
  }

  @Test func pickledWeightsAreNeverLoaded() throws {
    for name in ["pytorch_model.bin", "open_clip_pytorch_model.bin", "ViT-B-32.pt"] {
      try withCopy("tiny-hf") { folder in
        let file = folder.appendingPathComponent(name)
        try FileManager.default.moveItem(at: folder.appendingPathComponent("model.safetensors"), to: file)
        for place in [folder, file] {
          let text = message { _ = try CLIPModel.load(folder: place) }
          #expect(text.contains("\(file.path): pickled weights are never loaded"), "\(text)")
          #expect(
            text.contains("save_file") && text.contains("\"\(name)\"") && text.contains("model.safetensors"))
        }
      }
    }
    // What the settings say comes before what is missing.
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("open_clip_config.json")
      try Data(
        #"{"model_cfg": {"embed_dim": 8, "vision_cfg": {"timm_model_name": "x"}, "text_cfg": {"hf_model_name": "y"}}}"#
          .utf8
      ).write(to: file)
      try Data().write(to: folder.appendingPathComponent("open_clip_pytorch_model.bin"))
      let text = message { _ = try CLIPModel.load(folder: folder) }
      #expect(text.contains("vision_cfg.timm_model_name is \"x\""), "\(text)")
    }
  }

  @Test func theIndexOfPartsNamesItsFault() throws {
    for (content, part) in [
      ("{", "line 1"), ("{}", "weight_map"), (#"{"weight_map": {"a": 1}}"#, "no safetensors file"),
      (#"{"weight_map": {"a": "../b.safetensors"}}"#, "no safetensors file"),
      (#"{"weight_map": {"a": "pytorch_model.bin"}}"#, "pytorch_model.bin"),
    ] {
      try withCopy("tiny-hf") { folder in
        try FileManager.default.removeItem(at: folder.appendingPathComponent("model.safetensors"))
        let file = folder.appendingPathComponent("model.safetensors.index.json")
        try Data(content.utf8).write(to: file)
        let text = message { _ = try CLIPModel.load(folder: folder) }
        #expect(text.contains(file.path) && text.contains(part), "\(text)")
      }
    }
  }

  @Test(
    "The geometries of the paper's backbones are those of OpenAI's models",
    arguments: [
      ("vit-l14", [768, 1024, 24, 14, 768]), ("vit-b16", [512, 768, 12, 16, 512]),
      ("rn50", [1024, 2048, 12, 32, 512]),
    ])
  func backbones(_ name: String, sizes: [Int]) throws {
    let clip = try CLIPConfiguration(contentsOf: Project.file("Configurations/clip-\(name).json"))
    let (vision, text) = (clip.vision, clip.text)
    let found = [clip.projectionSize, vision.hiddenSize, vision.layers, vision.patchSize, text.hiddenSize]
    #expect(found == sizes)
    #expect(vision.imageSize == 224 && vision.stages == (name == "rn50" ? [3, 4, 6, 3] : nil))
    #expect(text.layers == 12 && text.vocabularySize == 49_408 && text.positions == 77)
  }
}
