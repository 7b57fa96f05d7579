import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// One tiny model, stored as Hugging Face and as OpenCLIP would; files that are not as they should be.
@Suite struct CheckpointTests {
  private let texts = ["A polyp in an endoscopic image", "an endoscopy image with dark lighting", ""]

  private func check(_ model: CLIPModel, tolerance: Double = 1e-4) throws {
    let expected = try SafetensorsFile(fixture("tiny.safetensors")).tensors()
    try withoutGradients {
      let images = try model.imageFeatures(uniform("pixels", [2, 3, 32, 32], scale: 2))
      #expect(try difference(images, #require(expected["image_features"])) < tolerance)
      #expect(
        try difference(model.textFeatures(texts), #require(expected["text_features"])) < tolerance)
    }
  }

  /// A copy of a fixture folder that a test may spoil.
  private func withCopy(of name: String, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent(name)
      try FileManager.default.copyItem(at: fixture(name), to: copy)
      try body(copy)
    }
  }

  private func rewrite(_ file: URL, _ change: (inout [String: Tensor]) throws -> Void) throws {
    var tensors = try SafetensorsFile(file).tensors().mapValues { try $0.copy() }
    try change(&tensors)
    try SafetensorsFile.write(tensors, to: file)
  }

  @Test func loadsAHuggingFaceFolder() throws {
    let model = try CLIPModel.load(fixture("tiny-hf").path)
    try check(model)
    let ids = try #require(try SafetensorsFile(fixture("tiny.safetensors")).tensor("ids"))
    #expect(try model.tokenizer(texts).isEqual(to: ids))
    #expect(model.preparation == ImagePreparation(size: 32))
    #expect(!model.isTraining && !model.vision.isTraining)
  }

  @Test func loadsAnOpenCLIPFolder() throws {
    let model = try CLIPModel.load(folder: fixture("tiny-openclip"))
    try check(model)
    #expect(model.tokenizer.cleaning == .openCLIP && model.tokenizer.padToken == 0)
    #expect(model.preparation.framing == .openCrop)
  }

  @Test(arguments: ["tiny-hf", "tiny-openclip"]) func lazilyItIsTheSameModel(_ name: String) throws {
    let whole = try CLIPModel.load(folder: fixture(name)).state()
    let lazy = try CLIPModel.load(folder: fixture(name), lazily: true)
    #expect(Set(lazy.state().keys) == Set(whole.keys))
    for (key, tensor) in lazy.state() { #expect(try tensor.isEqual(to: #require(whole[key])), "\(key)") }
    try check(lazy)
  }

  @Test func bothFoldersHoldTheSameModel() throws {
    let (left, right) = (
      try CLIPModel.load(folder: fixture("tiny-hf")).state(),
      try CLIPModel.load(folder: fixture("tiny-openclip")).state()
    )
    #expect(Set(left.keys) == Set(right.keys))
    for (key, tensor) in left { #expect(try difference(tensor, #require(right[key])) < 1e-6, "\(key)") }
  }

  @Test(arguments: [DType.float16, .bfloat16, .float64])
  func readsOtherTypesToFloat32(_ dtype: DType) throws {
    try withCopy(of: "tiny-hf") { folder in
      try rewrite(folder.appendingPathComponent("model.safetensors")) {
        $0 = try $0.mapValues { try $0.to(dtype) }
      }
      let model = try CLIPModel.load(folder: folder)
      #expect(model.state().values.allSatisfy { $0.dtype == .float32 })
      try check(model)
    }
  }

  @Test func readsPartsThatAnIndexLists() throws {
    try withCopy(of: "tiny-hf") { folder in
      let file = folder.appendingPathComponent("model.safetensors")
      let tensors = try SafetensorsFile(file).tensors().mapValues { try $0.copy() }
      let isVision = { (key: String) in key.hasPrefix("vision") }
      try SafetensorsFile.write(
        tensors.filter { isVision($0.key) }, to: folder.appendingPathComponent("a.safetensors"))
      try SafetensorsFile.write(
        tensors.filter { !isVision($0.key) }, to: folder.appendingPathComponent("b.safetensors"))
      let map = tensors.keys.reduce(into: [:]) { $0[$1] = isVision($1) ? "a.safetensors" : "b.safetensors" }
      try JSONEncoder().encode(["weight_map": map]).write(
        to: folder.appendingPathComponent("model.safetensors.index.json"))
      try FileManager.default.removeItem(at: file)
      try check(CLIPModel.load(folder: folder))
    }
  }

  @Test func infersTheGeometryOfOpenAIsFiles() throws {
    let reference = try #require(ReferenceModel.all.first { $0.name == "rn50" })
    try reference.withFolder { folder in
      try FileManager.default.removeItem(at: folder.appendingPathComponent("open_clip_config.json"))
      let file = folder.appendingPathComponent("open_clip_model.safetensors")
      let model = try CLIPModel.load(file.path)
      #expect(model.configuration.vision.stages == [3, 4, 6, 3])
      #expect(model.configuration.vision.imageSize == 224 && model.configuration.vision.heads == 32)
      #expect(model.configuration.projectionSize == 1024 && model.configuration.text.layers == 2)
      #expect(model.vision is ModifiedResNet)
      #expect(try CLIPConfiguration(folder: folder) == model.configuration)
      #expect(try CLIPConfiguration(folder: file) == model.configuration)
    }
  }

  @Test func ignoresWhatIsNoParameter() throws {
    try withCopy(of: "tiny-hf") { folder in
      try rewrite(folder.appendingPathComponent("model.safetensors")) {
        $0["vision_model.embeddings.position_ids"] = try .arange(to: 17)
        $0["text_model.embeddings.position_ids"] = try .arange(to: 77)
      }
      try check(CLIPModel.load(folder: folder))
    }
  }

  @Test func listsEveryNameThatDiffers() throws {
    try withCopy(of: "tiny-hf") { folder in
      let file = folder.appendingPathComponent("model.safetensors")
      try rewrite(file) {
        $0["logit_scale"] = nil
        $0["vision_model.post_layernorm.bias"] = nil
        $0["visual_projection.weight"] = try .zeros([3, 3])
        $0["text_projection.weight"] = try .zeros([5])
        $0["extra"] = try .zeros([1])
      }
      let text = message { _ = try CLIPModel.load(folder: folder) }
      for part in [
        file.path, "logit_scale", "vision_model.post_layernorm.bias", "visual_projection.weight", "[3, 3]",
        "[16, 24]", "text_projection.weight", "extra",
      ] { #expect(text.contains(part), "\(part) in \(text)") }
    }
  }

  @Test func namesTheFileThatIsMissing() throws {
    for name in ["config.json", "model.safetensors", "vocab.json", "merges.txt"] {
      try withCopy(of: "tiny-hf") { folder in
        let file = folder.appendingPathComponent(name)
        try FileManager.default.removeItem(at: file)
        let text = message { _ = try CLIPModel.load(folder: folder) }
        #expect(text.contains(file.path) && text.contains("not found"), "\(text)")
      }
    }
    #expect(message { _ = try CLIPModel.load("/nowhere") }.contains("/nowhere/model.safetensors"))
  }

  @Test(arguments: [
    "config.json", "vocab.json", "merges.txt", "preprocessor_config.json", "model.safetensors",
  ])
  func namesTheFileThatIsDamaged(_ name: String) throws {
    try withCopy(of: "tiny-hf") { folder in
      let file = folder.appendingPathComponent(name)
      try Data("not what it should be".utf8).write(to: file)
      let text = message { _ = try CLIPModel.load(folder: folder) }
      #expect(text.contains(file.path), "\(text)")
    }
  }

  @Test func startsFromRandomWeightsByNameAndSeed() throws {
    let name = "random:\(fixture("tiny-hf/config.json").path)"
    let first = try CLIPModel.load(name, seed: 3)
    let (again, other) = (try CLIPModel.load(name, seed: 3), try CLIPModel.load(name, seed: 4))
    for (key, tensor) in first.state() { #expect(try tensor.isEqual(to: #require(again.state()[key]))) }
    #expect(try !first.vision.parameters()[0].tensor.isEqual(to: other.vision.parameters()[0].tensor))
    // The vocabulary stands beside the file.
    #expect(
      try first.tokenizer(texts).isEqual(to: CLIPModel.load(folder: fixture("tiny-hf")).tokenizer(texts)))
  }

  @Test func namesTheFaultOfAConfiguration() throws {
    for (name, text, part) in [
      ("tiny-hf/config.json", "{", "not JSON"), ("tiny-hf/config.json", "{}", "vision_config"),
      ("tiny-hf/config.json", #"{"vision_config": {"hidden_size": "x"}, "text_config": {}}"#, "hidden_size"),
      ("tiny-hf/config.json", #"{"vision_config": {"patch_size": 0}, "text_config": {}}"#, "at least 1"),
      ("tiny-hf/config.json", #"{"vision_config": {"hidden_act": "relu"}, "text_config": {}}"#, "relu"),
      (
        "tiny-hf/config.json", #"{"vision_config": {"resnet_layers": [1]}, "text_config": {}}"#,
        "resnet_layers"
      ),
      ("tiny-openclip/open_clip_config.json", "{}", "embed_dim"),
    ] {
      let parts = name.split(separator: "/").map(String.init)
      try withCopy(of: parts[0]) { folder in
        let file = folder.appendingPathComponent(parts[1])
        try Data(text.utf8).write(to: file)
        let text = message { _ = try CLIPModel.load(folder: folder) }
        #expect(text.contains(file.path) && text.contains(part), "\(text)")
      }
    }
  }

  @Test func oldConfigurationsRepeatTheirTowers() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try Data(
        #"{"vision_config": {"patch_size": 32}, "text_config": {}, "vision_config_dict": {"patch_size": 16}, "text_config_dict": null}"#
          .utf8
      ).write(to: file)
      let configuration = try CLIPConfiguration(contentsOf: file)
      #expect(configuration.vision.patchSize == 16 && configuration.text == CLIPConfiguration().text)
      let back = try JSONDecoder().decode(CLIPConfiguration.self, from: JSONEncoder().encode(configuration))
      #expect(back == configuration)
    }
  }
}
