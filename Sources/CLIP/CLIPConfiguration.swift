import Foundation
import Storage
import Torch

/// The geometry of a CLIP model, as Hugging Face's `config.json` says it.
public struct CLIPConfiguration: Codable, Equatable, Sendable {
  /// The image tower: a vision transformer, or a ResNet when `stages` is not nil.
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
    /// Blocks of a ResNet's four stages (3, 4, 6, 3 for RN50); nil for a transformer.
    ///
    /// `hiddenSize` is then the width of the last stage (2048), `patchSize` is 32, and `intermediateSize`,
    /// `activation` and `epsilon` mean nothing. The key `resnet_layers` is ours: Hugging Face has no such tower.
    public var stages: [Int]?
    /// Channels of the 3×3 convolutions with stride 2 before the patches; nil for CLIP's one convolution.
    ///
    /// The key `stem_channels` is ours. `patchSize` is a multiple of 2 to the power of their number.
    public var stemChannels: [Int]?

    enum CodingKeys: String, CodingKey {
      case stages = "resnet_layers"
      case stemChannels = "stem_channels"
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
    let data = try Data(file: url)
    do {
      let given = try JSONValue(json5: data)
      guard given.members?["vision_config"]?.members != nil, given.members?["text_config"]?.members != nil
      else {
        throw CLIPError.badFile(
          url, reason: "it must hold vision_config and text_config, as Hugging Face writes them")
      }
      var merged = Self.merge(try JSONValue(encoding: CLIPConfiguration()), given)
      // Old files repeat the towers' settings under these keys, and there they count.
      for tower in ["vision_config", "text_config"] {
        guard let old = given.members?[tower + "_dict"], old.members != nil else { continue }
        merged = Self.merge(merged, .object([tower: old]))
      }
      self = try merged.decoded(as: CLIPConfiguration.self)
    } catch let error as DecodingError {
      throw CLIPError.badFile(
        url, reason: "it is not JSON with the settings of a CLIP model: \(explanation(of: error))")
    }
    if let reason = fault { throw CLIPError.badFile(url, reason: reason) }
  }

  /// The defaults with what a file says in their place.
  private static func merge(_ base: JSONValue, _ given: JSONValue) -> JSONValue {
    guard case .object(let members) = base, case .object(let overlay) = given else { return given }
    return .object(
      members.merging(overlay.filter { $0.value != .null }) { merge($0, $1) })
  }

  /// What is impossible about the sizes; nil when nothing is.
  var fault: String? {
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
    if let stages = vision.stages,
      stages.count != 4 || stages.contains(where: { $0 < 1 }) || vision.hiddenSize % 64 != 0
        || vision.imageSize < 32
    {
      return
        "resnet_layers must be four numbers above 0, hidden_size a multiple of 64, image_size at least 32"
    }
    if let channels = vision.stemChannels {
      if vision.stages != nil {
        return "stem_channels is for transformers; resnet_layers has a stem of its own"
      }
      if channels.isEmpty || channels.contains(where: { $0 < 1 }) {
        return "stem_channels must be one or more numbers above 0"
      }
      // Beyond 16 halvings no image is left, and the power would overflow.
      if channels.count > 16 || vision.patchSize % (1 << channels.count) != 0 {
        return
          "stem_channels has \(channels.count) entries, each halves the image, so patch_size must be a multiple of "
          + "2^\(channels.count); it is \(vision.patchSize)"
      }
    }
    for name in [vision.activation, text.activation] where !["gelu", "quick_gelu"].contains(name) {
      return "hidden_act \"\(name)\" is not known; use gelu or quick_gelu"
    }
    return nil
  }
}
