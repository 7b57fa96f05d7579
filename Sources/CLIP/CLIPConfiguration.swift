import Foundation
import Torch

/// The geometry of a CLIP model, as Hugging Face's `config.json` says it.
public struct CLIPConfiguration: Codable, Equatable, Sendable {
  /// The image tower: a vision transformer.
  public struct Vision: Codable, Equatable, Sendable {
    /// Width of the tokens.
    public var hiddenSize = 768
    /// Width inside the feed-forwards.
    public var intermediateSize = 3072
    /// Layers.
    public var layers = 12
    /// Attention heads.
    public var heads = 12
    /// The side of the images it was trained on.
    public var imageSize = 224
    /// The side of a patch.
    public var patchSize = 32
    /// `quick_gelu` or `gelu`.
    public var activation = "quick_gelu"
    /// Added to variances.
    public var epsilon = 1e-5

    enum CodingKeys: String, CodingKey {
      case hiddenSize = "hidden_size"
      case intermediateSize = "intermediate_size"
      case layers = "num_hidden_layers"
      case heads = "num_attention_heads"
      case imageSize = "image_size"
      case patchSize = "patch_size"
      case activation = "hidden_act"
      case epsilon = "layer_norm_eps"
    }
  }

  /// The text tower.
  public struct Text: Codable, Equatable, Sendable {
    /// Width of the tokens.
    public var hiddenSize = 512
    /// Width inside the feed-forwards.
    public var intermediateSize = 2048
    /// Layers.
    public var layers = 12
    /// Attention heads.
    public var heads = 8
    /// Tokens of the vocabulary.
    public var vocabularySize = 49408
    /// The window of positions.
    public var positions = 77
    /// `quick_gelu` or `gelu`.
    public var activation = "quick_gelu"
    /// Added to variances.
    public var epsilon = 1e-5
    /// The end token; 2 is Hugging Face's mark of an old file, where the largest id is meant.
    public var endToken = 49407

    enum CodingKeys: String, CodingKey {
      case hiddenSize = "hidden_size"
      case intermediateSize = "intermediate_size"
      case layers = "num_hidden_layers"
      case heads = "num_attention_heads"
      case vocabularySize = "vocab_size"
      case positions = "max_position_embeddings"
      case activation = "hidden_act"
      case epsilon = "layer_norm_eps"
      case endToken = "eos_token_id"
    }
  }

  /// d: the width of the joint image–text space.
  public var projectionSize = 512
  /// The image tower.
  public var vision = Vision()
  /// The text tower.
  public var text = Text()

  enum CodingKeys: String, CodingKey {
    case projectionSize = "projection_dim"
    case vision = "vision_config"
    case text = "text_config"
  }

  /// ViT-B/32, the default of the format.
  public init() {}

  /// Reads a configuration; what it leaves out has Hugging Face's defaults.
  ///
  /// - Throws: `CLIPError.badFile` or `FileError` that names the file.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw FileError.cannotRead(url, reason: FileError.reason(of: error))
    }
    do {
      let given = try JSONValue(json5: data)
      guard given.members?["vision_config"]?.members != nil, given.members?["text_config"]?.members != nil
      else {
        throw CLIPError.badFile(
          url, reason: "it must hold vision_config and text_config, as Hugging Face writes them")
      }
      self = try Self.merge(JSONValue(encoding: CLIPConfiguration()), given)
        .decoded(as: CLIPConfiguration.self)
    } catch let error as DecodingError {
      throw CLIPError.badFile(url, reason: "it is not JSON with the settings of a CLIP model: \(error)")
    }
    if let reason = fault { throw CLIPError.badFile(url, reason: reason) }
  }

  /// The defaults with what a file says in their place; settings that are none of ours are left out.
  private static func merge(_ base: JSONValue, _ given: JSONValue) -> JSONValue {
    guard case .object(let members) = base, case .object(let overlay) = given else { return given }
    return .object(
      members.reduce(into: [:]) { result, member in
        let found = overlay[member.key] ?? .null
        result[member.key] = found == .null ? member.value : merge(member.value, found)
      })
  }

  private var fault: String? {
    let sizes = [
      projectionSize, vision.hiddenSize, vision.intermediateSize, vision.layers, vision.heads,
      vision.imageSize,
      vision.patchSize, text.hiddenSize, text.intermediateSize, text.layers, text.heads, text.vocabularySize,
      text.positions,
    ]
    if sizes.contains(where: { $0 < 1 }) { return "every size must be at least 1" }
    if vision.hiddenSize % vision.heads != 0 || text.hiddenSize % text.heads != 0 {
      return "hidden_size must be a multiple of num_attention_heads"
    }
    if vision.patchSize > vision.imageSize { return "patch_size is larger than image_size" }
    for name in [vision.activation, text.activation] where !["gelu", "quick_gelu"].contains(name) {
      return "hidden_act \"\(name)\" is not known; use gelu or quick_gelu"
    }
    return nil
  }
}

/// Why a CLIP model cannot be used; each message names the file and the fix.
public enum CLIPError: Error, Equatable, CustomStringConvertible {
  /// A file of the model cannot be used.
  case badFile(URL, reason: String)
  /// A file that the model needs is not there.
  case missingFile(URL)
  /// A dense extractor that does not exist.
  case unknownExtractor(String)

  /// One line.
  public var description: String {
    switch self {
    case .badFile(let url, let reason): "\(url.path): \(reason)"
    case .missingFile(let url):
      "\(url.path): not found; a CLIP folder holds config.json, model.safetensors and vocab.json with merges.txt"
    case .unknownExtractor(let name):
      "dense extractor \"\(name)\" is not known; use tokens, maskclip or sclip"
    }
  }
}
