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
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder)
    try self.init(isFolder.boolValue ? folder : folder.deletingLastPathComponent()) {
      try Checkpoint(Checkpoint.find(folder))
    }
  }

  /// Finds the geometry of a folder and reads the weights only if no file gives it.
  init(_ folder: URL, weights: () throws -> Checkpoint) throws {
    let (hugging, open) = (
      folder.appendingPathComponent("config.json"), folder.appendingPathComponent("open_clip_config.json")
    )
    if FileManager.default.fileExists(atPath: hugging.path) {
      try self.init(contentsOf: hugging)
    } else if FileManager.default.fileExists(atPath: open.path) {
      try self.init(openCLIP: open)
    } else {
      let checkpoint = try weights()
      // Hugging Face's names do not give, for example, the number of heads.
      if checkpoint.hasHuggingFaceNames { throw CLIPError.missingFile(hugging) }
      self = try checkpoint.inferred()
    }
  }

  /// Reads `open_clip_config.json`, or one of OpenCLIP's model files.
  ///
  /// - Parameter url: the file.
  /// - Throws: `CLIPError.badFile` or `FileError` that names the file.
  public init(openCLIP url: URL) throws {
    let data = try Data(file: url)
    guard let whole = try? JSONValue(json5: data),
      let model = try? (whole.members?["model_cfg"] ?? whole).decoded(as: OpenModel.self)
    else {
      throw CLIPError.badFile(
        url, reason: "it must hold embed_dim, vision_cfg and text_cfg of a CLIP with OpenAI's towers")
    }
    self.init(model)
    if let reason = fault { throw CLIPError.badFile(url, reason: reason) }
  }

  /// The relevant settings of OpenCLIP's, with its defaults for missing ones.
  private struct OpenModel: Decodable {
    struct Vision: Decodable {
      enum Layers: Decodable {
        case blocks(Int)
        case stages([Int])
        init(from decoder: any Decoder) throws {
          let container = try decoder.singleValueContainer()
          if let blocks = try? container.decode(Int.self) {
            self = .blocks(blocks)
          } else {
            self = .stages(try container.decode([Int].self))
          }
        }
      }
      let layers: Layers?
      let width: Int?
      let head_width: Int?
      let mlp_ratio: Double?
      let patch_size: Int?
      let image_size: Int?
    }
    struct Text: Decodable {
      let context_length: Int?
      let vocab_size: Int?
      let width: Int?
      let heads: Int?
      let layers: Int?
      let mlp_ratio: Double?
    }
    let embed_dim: Int
    let quick_gelu: Bool?
    let vision_cfg: Vision
    let text_cfg: Text
  }

  private init(_ model: OpenModel) {
    self.init()
    let activation = model.quick_gelu == true ? "quick_gelu" : "gelu"
    projectionSize = model.embed_dim
    let (given, words) = (model.vision_cfg, model.text_cfg)
    vision.imageSize = given.image_size ?? 224
    vision.activation = activation
    switch given.layers ?? .blocks(12) {
    case .blocks(let layers):
      vision.layers = layers
      vision.hiddenSize = given.width ?? 768
      vision.patchSize = given.patch_size ?? 16
      vision.heads = vision.hiddenSize / max(1, given.head_width ?? 64)
      vision.intermediateSize = Int(Double(vision.hiddenSize) * (given.mlp_ratio ?? 4))
    case .stages(let stages): setResNet(stages, stem: given.width ?? 64, headWidth: given.head_width ?? 64)
    }
    text.hiddenSize = words.width ?? 512
    text.intermediateSize = Int(Double(text.hiddenSize) * (words.mlp_ratio ?? 4))
    text.layers = words.layers ?? 12
    text.heads = words.heads ?? 8
    text.vocabularySize = words.vocab_size ?? 49408
    text.positions = words.context_length ?? 77
    text.activation = activation
    // OpenCLIP takes a sentence's embedding at the position of its largest id.
    text.endToken = 2
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
    if let reason = fault { throw CLIPError.badFile(file, reason: reason) }
  }

  /// Returns the side of the square grid of position embeddings; one more is for the class token.
  private static func side(_ count: Int) -> Int { Int(Double(max(0, count - 1)).squareRoot().rounded()) }
}
