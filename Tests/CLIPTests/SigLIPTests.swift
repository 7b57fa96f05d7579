import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import CLIP

/// SigLIP and OpenCLIP's ConvNeXt models against transformers and open_clip, on weights by formula.
@Suite struct SigLIPTests {
  private static let references: [ReferenceModel] =
    (try? JSONDecoder().decode([ReferenceModel].self, from: Data(contentsOf: fixture("siglip.json")))) ?? []

  /// Lends a reference's folder, with a vocabulary that fits it.
  private func withModel<Result>(
    _ reference: ReferenceModel, _ body: (CLIPModel, URL) throws -> Result
  ) throws -> Result {
    try reference.withFolder { folder in
      if reference.config.members?["model_type"] == "siglip" {
        for name in ["spiece.model", "tokenizer_config.json"] {
          try FileManager.default.copyItem(
            at: fixture("subwords/canonical/\(name)"), to: folder.appendingPathComponent(name))
        }
      }
      return try body(try CLIPModel.load(folder: folder), folder)
    }
  }

  private func named(_ name: String) throws -> ReferenceModel {
    try #require(Self.references.first { $0.name == name })
  }

  @Test func referencesAreAllThere() {
    #expect(
      Self.references.map(\.name) == [
        "siglip", "siglip-other-grid", "siglip-text-width", "siglip-gelu", "open-convnext",
        "open-convnext-mlp", "open-convnext-none", "open-convnext-tiny",
      ])
  }

  @Test(arguments: references) func givesTheReferencesFeatures(_ reference: ReferenceModel) throws {
    let stored = try SafetensorsFile(fixture("siglip.safetensors"))
    func expected(_ key: String) throws -> Tensor {
      try #require(try stored.tensor("\(reference.name)/\(key)"))
    }
    func part(_ x: Tensor, _ step: Int) throws -> Tensor {
      try (1...3).reduce(x) { try $0.strided(dim: $1, by: step) }
    }
    try withModel(reference) { model, _ in
      let pixels = try uniform("pixels", [2, 3] + reference.size, scale: 2)
      let isSigLIP = model.configuration.isSigLIP
      try withoutGradients {
        var worst: [String: Double] = [:]
        let images = try model.imageFeatures(pixels)
        let texts = try model.textFeatures(expected("ids"))
        worst["image"] = try difference(images.normalized(), expected("image_features").normalized())
        worst["text"] = try difference(texts.normalized(), expected("text_features").normalized())
        if isSigLIP {
          worst["logits"] = try difference(model.logits(images, texts), expected("logits")) / 14
        }
        for dense in DenseFeatures.allCases {
          let features = try model.vision(pixels, dense: dense, hidden: [isSigLIP ? 1 : 2])
          let key = isSigLIP && dense == .sclip ? "sclip" : "tokens"
          worst[dense.rawValue] =
            try difference(part(features.dense, reference.step), expected(key)) / 5
          worst["hidden"] =
            try difference(part(features.layers[0], isSigLIP ? 1 : 4), expected("hidden")) / 5
        }
        #expect(worst.values.allSatisfy { $0 < 1e-5 }, "\(worst)")
      }
    }
  }

  @Test func theModelIsWrittenAndReadBack() throws {
    try withModel(named("siglip-text-width")) { model, _ in
      #expect(model.preparation.framing == .squash && model.preparation.mean == [0.5, 0.5, 0.5])
      #expect(model.text.readsPadding(model.tokenizer.padToken))
      try withTemporaryFolder { folder in
        try model.save(to: folder)
        let back = try CLIPModel.load(folder: folder)
        #expect(Set(back.state().keys) == Set(model.state().keys))
        #expect(back.state()["logit_bias"]?.shape == [1])
        for (key, tensor) in model.state() {
          #expect(try tensor.isEqual(to: #require(back.state()[key])), "\(key)")
        }
        #expect(back.configuration == model.configuration && back.preparation == model.preparation)
        let texts = ["A polyp, in an endoscopic image", ""]
        let same = try withoutGradients {
          try model.textFeatures(texts).isEqual(to: back.textFeatures(texts))
        }
        #expect(same)
        let config = try JSONValue(json5File: folder.appendingPathComponent("config.json")).members
        #expect(config?["model_type"] == "siglip")
        #expect(config?["text_config"]?.members?["text_pool"] == nil)
      }
    }
  }

  @Test func aRandomModelStartsAsSigLIPDoes() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("small.json")
      try Data(
        """
        {"model_type": "siglip", "text_config": {"hidden_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "vocab_size": 514, "max_position_embeddings": 16},
         "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
         "image_size": 32, "patch_size": 8}}
        """.utf8
      ).write(to: file)
      let model = try CLIPModel.load("random:" + file.path, seed: 1)
      #expect(abs(try model.logitScale.exp().floats()[0] - 10) < 1e-3)
      #expect(try #require(model.logitBias).floats() == [-10])
      try withoutGradients {
        let images = try model.imageFeatures(uniform("pixels", [2, 3, 32, 32]))
        let logits = try model.logits(images, model.textFeatures(["a", "b", "c"]))
        #expect(logits.shape == [2, 3])
        #expect(try logits.floats().allSatisfy { (-20...0).contains($0) })
      }
    }
  }

  private func tower() throws -> ImageTower {
    var geometry = CLIPConfiguration.Vision()
    (geometry.hiddenSize, geometry.intermediateSize, geometry.layers, geometry.heads) = (32, 64, 3, 2)
    (geometry.imageSize, geometry.patchSize, geometry.hasAttentionPool) = (16, 4, true)
    geometry.activation = "gelu_pytorch_tanh"
    return try ImageTower.make(geometry, projectionSize: 32, generator: Generator(seed: 1))
  }

  private func outputs(_ tower: any ImagePass, _ dense: DenseFeatures, _ pixels: Tensor) throws -> [Tensor] {
    let found = try inferenceMode { try tower(pixels, dense: dense, hidden: [1, 3]) }
    return [found.image, found.dense] + found.layers
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 }, DenseFeatures.allCases)
  func compiledOutputsStayNear(_ precision: Precision, _ dense: DenseFeatures) throws {
    let tower = try tower()
    tower.train(false)
    let pixels = try uniform("pixels", [2, 3, 16, 32])
    let wanted = try outputs(tower, dense, pixels)
    let compiled = try tower.compiled(for: precision)
    let tolerance = precision == .float32 ? 1e-4 : precision == .bfloat16 ? 0.04 : 0.15
    for (left, right) in zip(wanted, try outputs(compiled, dense, pixels)) {
      #expect(left.shape == right.shape && right.dtype == .float32)
      let all = Array(0..<left.shape.count)
      let distance: Double = try (right - left).norm(dims: all).item() / left.norm(dims: all).item()
      #expect(distance < tolerance, "\(distance)")
    }
    let whole = try outputs(compiled, dense, pixels)
    for depth in 0..<3 {
      let rest = try inferenceMode {
        let trunk = try tower.compiled(for: precision, upTo: depth)(pixels, hidden: [1, 3])
        return try compiled(trunk, dense: dense, hidden: [1, 3])
      }
      for (one, other) in zip(whole, [rest.image, rest.dense] + rest.layers) {
        #expect(try one.isEqual(to: other), "after \(depth)")
      }
    }
  }

  @Test func gradientsReachWhatIsTuned() throws {
    let tower = try tower()
    let pixels = try uniform("pixels", [2, 3, 16, 16])
    for count in [0, 1, nil] {
      let wanted = Set(tower.parameters(ofLast: count).map(\.key))
      try tower.requireGradients(false)
      for parameter in tower.parameters(ofLast: count) { try parameter.tensor.requireGradient() }
      let features = try tower(pixels, dense: .tokens)
      try ((features.dense * features.dense).sum() + (features.image * features.image).sum()).backward()
      let keys = try tower.parameters().filter { try $0.tensor.gradient() != nil }.map(\.key)
      #expect(Set(keys) == wanted)
      for parameter in tower.parameters() { try parameter.tensor.setGradient(nil) }
    }
    #expect(tower.parameters(ofLast: 0).allSatisfy { !$0.key.contains("encoder") })
    #expect(tower.hasPositionEmbeddings && tower.projectionSize == 32)
  }

  @Test func aPositionPassesThePoolAlone() throws {
    let tower = try tower()
    let pixels = try uniform("pixels", [1, 3, 16, 16])
    try withoutGradients {
      let plain = try tower(pixels, dense: .tokens).dense
      #expect(try tower(pixels, dense: .maskclip).dense.isEqual(to: plain))
      #expect(try difference(tower(pixels, dense: .sclip).dense, plain) > 1e-3)
    }
    // The keys of its layers can be read.
    let keys = try tower(pixels, dense: nil, hidden: [2], reading: .keys).layers[0]
    #expect(keys.shape == [1, 4, 4, 32])
  }

  @Test(arguments: [
    (#""vision_config": {"vision_use_head": false}, "text_config": {}"#, "vision_use_head is false; without"),
    (#""vision_config": {"hidden_act": "relu"}, "text_config": {}"#, "vision_config.hidden_act is \"relu\""),
    (#""vision_config": {"new": 1}, "text_config": {}"#, "vision_config.new (1)"),
    (#""vision_config": {}, "text_config": {"projection_size": 512}"#, "text_config.projection_size is 512"),
    (#""vision_config": {"hidden_size": 1152, "num_attention_heads": 16}, "text_config": {}"#, "it must be"),
    (#""vision_config": {"model_type": "clip_vision_model"}, "text_config": {}"#, "siglip_vision_model"),
    (#""vision_config": {}"#, "it must hold vision_config and text_config"),
    (#""vision_config": {"num_attention_heads": 5}, "text_config": {}"#, "it must divide hidden_size"),
  ])
  func refusesOtherSettings(_ settings: String, _ part: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data("{\"model_type\": \"siglip\", \(settings)}".utf8).write(to: file)
      let text = message { _ = try CLIPConfiguration(contentsOf: file) }
      #expect(text.contains("config.json: ") && text.contains(part), "\(text)")
      try Data("{\"model_type\": \"siglip2\"}".utf8).write(to: file)
      #expect(message { _ = try CLIPConfiguration(contentsOf: file) }.contains("(NaFlex) is not supported"))
    }
  }

  @Test func settingsThatAreMissingAreThoseOfSigLIPB16() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data(
        #"{"model_type": "siglip", "vision_config": {}, "text_config": {"vocab_size": 256000}}"#.utf8
      ).write(to: file)
      let found = try CLIPConfiguration(contentsOf: file)
      #expect(found.isSigLIP && found.projectionSize == 768)
      #expect(found.vision.patchSize == 16 && found.vision.imageSize == 224 && found.vision.epsilon == 1e-6)
      #expect(found.text.positions == 64 && found.text.vocabularySize == 256_000)
      #expect(found.text.activation == "gelu_pytorch_tanh" && found.text.layers == 12)
      // As a run stores it.
      let back = try JSONDecoder().decode(CLIPConfiguration.self, from: JSONEncoder().encode(found))
      #expect(back == found && back.fault == nil)
    }
  }

  @Test func weightsThatDoNotFitAreNamed() throws {
    try withModel(named("siglip")) { _, folder in
      let file = folder.appendingPathComponent("model.safetensors")
      var tensors = try SafetensorsFile(file).tensors().mapValues { try $0.copy() }
      tensors["vision_model.head.probe"] = nil
      tensors["logit_bias"] = try .zeros([2])
      tensors["text_model.head.extra"] = try .zeros([1])
      try SafetensorsFile.write(tensors, to: file)
      let text = message { _ = try CLIPModel.load(folder: folder) }
      for key in ["model.safetensors", "vision_model.head.probe", "logit_bias", "text_model.head.extra"] {
        #expect(text.contains(key), "\(text)")
      }
    }
  }
}
