import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import CLIP

/// Files that name a trunk of timm: our own folders, OpenCLIP's and timm's.
@Suite("Files of trunks")
struct TrunkFileTests {
  private func random(_ name: String, side: Int = 224) throws -> ImageTower {
    var vision = CLIPConfiguration.Vision()
    (vision.trunk, vision.imageSize) = (name, side)
    return try ImageTower.make(vision, projectionSize: 8, generator: Generator(seed: 1))
  }

  @Test("Every name has timm's number of tensors, number of weights and side of images")
  func sizes() throws {
    let all = try JSONDecoder().decode([String: [Int]].self, from: Data(contentsOf: fixture("trunks.json")))
    #expect(Set(all.keys) == Set(ConvNeXtGeometry.names + TransformerGeometry.names))
    for (name, wanted) in all where wanted[1] < 100_000_000 {
      var vision = CLIPConfiguration.Vision()
      let geometry = try #require(TrunkGeometry(named: name))
      vision.imageSize = 224
      if case .transformer(let found) = geometry { vision.imageSize = found.imageSize }
      let tower = try geometry.tower(vision, projectionSize: 8, Initializer(generator: nil))
      let own = tower.state().filter { $0.key.hasPrefix("visual.trunk.") }
      #expect(own.count == wanted[0] && own.values.reduce(0) { $0 + $1.count } == wanted[1], "\(name)")
      #expect(vision.imageSize == wanted[2] || name.hasPrefix("convnext"), "\(name)")
    }
  }

  @Test("A trunk in the place of a CLIP folder, and a missing trunk, name the command that helps")
  func places() throws {
    try withTemporaryFolder { folder in
      let missing = folder.appendingPathComponent("none")
      let none = message { _ = try TrunkFolder(missing) }
      #expect(none.hasPrefix("\(missing.path): not found") && none.contains("scripts/get-trunk"), "\(none)")
      let file = folder.appendingPathComponent("config.json")
      let empty = message { _ = try TrunkFolder(folder) }
      #expect(empty.hasPrefix("\(file.path): not found") && empty.contains("scripts/get-trunk"), "\(empty)")
      try Data(#"{"architecture": "tf_efficientnet_lite0"}"#.utf8).write(to: file)
      _ = try TrunkFolder(folder)
      let trunk = message { _ = try CLIPConfiguration(contentsOf: file) }
      #expect(
        trunk.hasPrefix("\(file.path): this is an image trunk")
          && trunk.contains("mcdrl clip pretrain --trunk \(folder.path)"), "\(trunk)")
      // Other files without the two parts are no trunks.
      try Data("{}".utf8).write(to: file)
      let other = message { _ = try CLIPConfiguration(contentsOf: file) }
      #expect(other.contains("it must hold vision_config and text_config"), "\(other)")
    }
  }

  /// Reads OpenCLIP's file with the settings of an image tower.
  private func open(_ vision: String, width: Int = 64) throws -> CLIPConfiguration {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("open_clip_config.json")
      try Data(
        "{\"model_cfg\": {\"embed_dim\": \(width), \"vision_cfg\": {\(vision)}, \"text_cfg\": {}}}".utf8
      ).write(to: file)
      return try CLIPConfiguration(openCLIP: file)
    }
  }

  @Test("OpenCLIP's settings of a trunk are followed, or refused by their name")
  func openCLIP() throws {
    let plain = try open(
      """
      "timm_model_name": "convnext_base.x", "timm_model_pretrained": false, "timm_pool": "",
      "timm_proj": "linear", "timm_drop": 0.0, "timm_drop_path": 0.1, "image_size": 320
      """
    ).vision
    #expect(plain.trunk == "convnext_base" && plain.imageSize == 320)
    #expect(plain.trunkProjection == "linear" && plain.trunkPool == nil)
    let mixed = try open(
      #""timm_model_name": "vit_base_patch16_224", "timm_proj": "mlp", "timm_proj_bias": true"#)
    #expect(mixed.vision.trunkPool == .avg && mixed.vision.trunkProjectionHasBias == true)
    let name = #""timm_model_name": "vit_base_patch16_224", "#
    #expect(try open(name + #""timm_pool": "", "timm_proj": "linear""#).vision.trunkPool == .token)
    // With timm's own end a mean is taken before the norm, except in DINOv3.
    let own = try open(name + #""timm_proj": null"#).vision
    #expect(own.trunkPool == .avgThenNorm && own.trunkProjection == "classifier")
    // As OpenCLIP's EVA02-B-16.
    let eva = try open(
      #""timm_model_name": "eva02_base_patch16_clip_224", "timm_pool": "token", "timm_proj": null"#
    ).vision
    #expect(eva.trunkPool == .token && eva.trunkProjection == "classifier" && eva.imageSize == 224)
    let last = try open(#""timm_model_name": "vit_small_patch16_dinov3", "timm_proj": "none""#, width: 384)
    #expect(last.vision.trunkPool == .avg && last.vision.trunkProjection == "none")
    for (vision, part) in [
      (name + #""timm_pool": "map""#, "vision_cfg.timm_pool is \"map\"; supported: token, avg"),
      (name + #""timm_pool": "", "timm_proj": """#, "vision_cfg.timm_pool is \"\""),
      (#""timm_model_name": "convnext_tiny", "timm_pool": "token""#, "vision_cfg.timm_pool is \"token\""),
      (name + #""timm_proj": "rot""#, "vision_cfg.timm_proj is \"rot\""),
      (name + #""timm_proj": "none""#, "768 channels, and projection_dim is 64"),
      (name + #""timm_model_kwargs": {"depth": 2}"#, "vision_cfg.timm_model_kwargs"),
      (name + #""new": 1"#, "vision_cfg.new (1) is not a known setting"),
      (name + #""image_size": 8"#, "takes images of 16 pixels or more"),
      (name + #""image_size": 65536"#, "the trunk's weights take"),
    ] {
      let text = message { _ = try open(vision) }
      #expect(text.contains("open_clip_config.json: ") && text.contains(part), "\(text)")
    }
  }

  @Test("Settings that only a trunk has are refused without one, and those that do not fit it")
  func faults() throws {
    var configuration = CLIPConfiguration()
    configuration.vision.trunkPool = .avg
    #expect(configuration.fault?.key == "vision_config.trunk_pool")
    configuration.vision.trunk = "convnext_atto"
    #expect(configuration.fault?.wanted.contains("no tokens") == true)
    configuration.vision.trunkPool = nil
    configuration.vision.trunkProjection = "cubic"
    #expect(configuration.fault?.wanted.contains("linear, mlp, classifier, none") == true)
    configuration.vision.trunkProjection = "mlp"
    #expect(configuration.fault == nil)
  }

  @Test("A folder in Hugging Face's form and one in OpenCLIP's give back the towers")
  func folders() throws {
    var configuration = CLIPConfiguration()
    configuration.projectionSize = 8
    (configuration.vision.trunk, configuration.vision.imageSize) = ("convnext_atto", 64)
    (configuration.vision.trunkProjection, configuration.vision.trunkProjectionHasBias) = ("mlp", true)
    (configuration.text.hiddenSize, configuration.text.intermediateSize) = (16, 64)
    (configuration.text.layers, configuration.text.heads) = (1, 2)
    (configuration.text.vocabularySize, configuration.text.positions) = (600, 77)
    configuration.text.activation = "gelu"
    let model = try CLIPModel(
      configuration, tokenizer: .bytes(), preparation: ImagePreparation(size: 64), seed: 1)
    model.train(false)
    let pixels = try uniform("pixels", [1, 3, 64, 64])
    let wanted = try inferenceMode { try model.vision(pixels, dense: .maskclip, hidden: [4]) }
    func check(_ folder: URL) throws {
      let found = try inferenceMode {
        try CLIPModel.load(folder: folder).vision(pixels, dense: .maskclip, hidden: [4])
      }
      #expect(try found.image.isEqual(to: wanted.image) && found.dense.isEqual(to: wanted.dense))
    }
    try withTemporaryFolder { folder in
      try model.save(to: folder)
      try check(folder)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("config.json"))
      try Data(
        """
        {"model_cfg": {"embed_dim": 8, "vision_cfg": {"timm_model_name": "convnext_atto", "timm_pool": "",
         "timm_proj": "mlp", "timm_proj_bias": true, "image_size": 64}, "text_cfg": {"width": 16, "layers": 1,
         "heads": 2, "vocab_size": 600, "context_length": 77}}}
        """.utf8
      ).write(to: folder.appendingPathComponent("open_clip_config.json"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent("preprocessor_config.json"))
      try check(folder)
    }
  }

  /// Writes a timm folder of a tower: `config.json` and the trunk's weights with a classifier.
  private func write(_ tower: ImageTower, _ config: String, _ folder: URL, classifier: String) throws {
    try Data(config.utf8).write(to: folder.appendingPathComponent("config.json"))
    let trunk = tower.state().filter { $0.key.hasPrefix("visual.trunk.") }
      .map { (String($0.key.dropFirst("visual.trunk.".count)), $0.value) }
    try SafetensorsFile.write(
      Dictionary(uniqueKeysWithValues: trunk).merging([
        "\(classifier).weight": .zeros([3, 4]), "\(classifier).bias": .zeros([3]),
      ]) { $1 }, to: folder.appendingPathComponent("model.safetensors"))
  }

  @Test("A folder of timm gives the trunk's tower, whatever its classifier")
  func timm() throws {
    for (name, classifier) in [
      ("convnext_atto", "head.fc"), ("vit_tiny_patch16_224", "head"), ("efficientnet_lite0", "classifier"),
    ] {
      let tower = try random(name)
      try withTemporaryFolder { folder in
        try write(
          tower,
          """
          {"architecture": "\(name)", "num_classes": 3, "num_features": 7, "global_pool": "x",
           "model_args": {"num_classes": 3, "drop_rate": 0.1},
           "pretrained_cfg": {"tag": "a", "custom_load": false, "input_size": [3, 224, 224],
            "interpolation": "bilinear", "crop_pct": 0.9, "crop_mode": "center", "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.5, 0.5], "num_classes": 3, "pool_size": null, "first_conv": "x",
            "classifier": "\(classifier)", "license": "mit"}}
          """, folder, classifier: classifier)
        let read = try TrunkFolder(folder)
        #expect(read.vision.trunk == name && read.vision.imageSize == 224)
        #expect(read.preparation.shortestEdge == 248 && read.preparation.resample == 2)
        #expect(read.preparation.mean == [0.5, 0.5, 0.5] && read.preparation.deviation == [0.25, 0.5, 0.5])
        let found = try read.tower(projectionSize: 5, generator: Generator(seed: 1))
        tower.train(false)
        let pixels = try uniform("pixels", [1, 3, 64, 64])
        try inferenceMode {
          let (one, other) = (
            try found(pixels, dense: .maskclip, hidden: [2]), try tower(pixels, dense: nil, hidden: [2])
          )
          #expect(try one.layers[0].isEqual(to: other.layers[0]), "\(name)")
          #expect(one.dense.shape.last == 5)
          #expect(try one.dense.isFinite())
        }
      }
    }
  }

  @Test("Position embeddings fit a tower for images of another size")
  func otherSize() throws {
    let tower = try random("vit_tiny_patch16_224")
    tower.train(false)
    try withTemporaryFolder { folder in
      try write(tower, #"{"architecture": "vit_tiny_patch16_224"}"#, folder, classifier: "head")
      let small = try random("vit_tiny_patch16_224", side: 96)
      try TrunkFolder(folder).load(into: small)
      #expect(small.state()["visual.trunk.pos_embed"]?.shape == [1, 37, 192])
      small.train(false)
      let pixels = try uniform("pixels", [1, 3, 96, 96])
      try inferenceMode {
        let (one, other) = (
          try small(pixels, dense: nil, hidden: [12]), try tower(pixels, dense: nil, hidden: [12])
        )
        #expect(try difference(one.layers[0], other.layers[0]) < 1e-5)
      }
    }
  }

  @Test("A folder of timm with other settings or weights is refused by their names")
  func refused() throws {
    let tower = try random("convnext_atto")
    func text(_ config: String) throws -> String {
      try withTemporaryFolder { folder in
        try Data(config.utf8).write(to: folder.appendingPathComponent("config.json"))
        return message { _ = try TrunkFolder(folder) }
      }
    }
    let name = #""architecture": "convnext_atto""#
    for (config, part) in [
      (#"{}"#, "architecture"),
      (#"{"architecture": "swin_tiny"}"#, "architecture is \"swin_tiny\"; supported"),
      ("{\(name), \"new\": 1}", "new (1)"),
      (#"{\#(name), "model_args": {"depths": [1]}}"#, "model_args.depths"),
      (#"{\#(name), "model_args": {"global_pool": "max"}}"#, "model_args.global_pool is \"max\""),
      (#"{\#(name), "pretrained_cfg": {"new": 1}}"#, "pretrained_cfg.new (1)"),
      (#"{\#(name), "pretrained_cfg": {"input_size": [1, 28, 28]}}"#, "pretrained_cfg.input_size"),
      (#"{\#(name), "pretrained_cfg": {"crop_mode": "border"}}"#, "pretrained_cfg.crop_mode"),
      (#"{\#(name), "pretrained_cfg": {"crop_pct": 0}}"#, "pretrained_cfg.crop_pct"),
      (#"{\#(name), "model_args": {"img_size": 16}}"#, "takes images of 32 pixels or more"),
    ] {
      let found = try text(config)
      #expect(found.contains("config.json: ") && found.contains(part), "\(found)")
    }
    try withTemporaryFolder { folder in
      try write(tower, "{\(name)}", folder, classifier: "extra")
      let text = message {
        _ = try TrunkFolder(folder).tower(projectionSize: 5, generator: Generator(seed: 1))
      }
      #expect(text.contains("model.safetensors") && text.contains("visual.trunk.extra.weight"), "\(text)")
    }
  }

  @Test("A trunk of timm keeps a mean before the norm if its arguments ask for it")
  func pooled() throws {
    try withTemporaryFolder { folder in
      func pool(_ name: String, _ arguments: String) throws -> TokenPool? {
        try Data(#"{"architecture": "\#(name)", "model_args": \#(arguments)}"#.utf8)
          .write(to: folder.appendingPathComponent("config.json"))
        return try TrunkFolder(folder).vision.trunkPool
      }
      let found = [
        try pool("vit_tiny_patch16_224", #"{"global_pool": "avg"}"#),
        try pool("vit_small_patch16_dinov3", #"{"global_pool": "token"}"#),
        try pool("vit_tiny_patch16_224", "{}"),
      ]
      #expect(found == [.avgThenNorm, .token, nil])
    }
  }
}
