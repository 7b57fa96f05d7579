import Foundation
import Storage
import Torch

/// The geometry of a CLIP model, in the form of Hugging Face's `config.json`.
public struct CLIPConfiguration: Codable, Equatable, Sendable {
  /// The image tower: a vision transformer, or a ResNet when `stages` is not nil.
  public struct Vision: Codable, Equatable, Sendable {
    /// The width of the tokens.
    public var hiddenSize = 768
    /// The width inside the feed-forward layers.
    public var intermediateSize = 3072
    /// The number of layers.
    public var layers = 12
    /// The number of attention heads.
    public var heads = 12
    /// The side of the training images in pixels.
    public var imageSize = 224
    /// The side of a patch in pixels.
    public var patchSize = 32
    /// `quick_gelu` or `gelu`.
    public var activation = "quick_gelu"
    /// A number that is added to variances.
    public var epsilon = 1e-5
    /// The number of blocks of a ResNet's four stages (3, 4, 6, 3 for RN50); nil for a transformer.
    ///
    /// For a ResNet, `hiddenSize` is the width of the last stage (2048) and `patchSize` is 32.
    /// `intermediateSize`, `activation` and `epsilon` have no effect. The key `resnet_layers` is
    /// ours: Hugging Face has no such tower.
    public var stages: [Int]?
    /// The channels of the 3×3 stem convolutions with stride 2; nil for one patch convolution.
    ///
    /// The key `stem_channels` is ours. `patchSize` is a multiple of 2 to the power of their
    /// number.
    public var stemChannels: [Int]?
    /// The architecture of an image trunk by its name in timm, such as `tf_efficientnet_lite0`.
    ///
    /// Nil for CLIP's own towers. `imageSize` is the side of the training images. The other settings
    /// have no effect. The key `trunk` is ours: Hugging Face's CLIP has no such tower.
    public var trunk: String?

    enum CodingKeys: String, CodingKey {
      case trunk
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
    /// The width of the tokens.
    public var hiddenSize = 512
    /// The width inside the feed-forward layers.
    public var intermediateSize = 2048
    /// The number of layers.
    public var layers = 12
    /// The number of attention heads.
    public var heads = 8
    /// The number of tokens of the vocabulary.
    public var vocabularySize = 49408
    /// The number of positions in the window.
    public var positions = 77
    /// `quick_gelu` or `gelu`.
    public var activation = "quick_gelu"
    /// A number that is added to variances.
    public var epsilon = 1e-5
    /// The end token; Hugging Face's 2 marks an old file, whose end token is the largest id.
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

  /// The width d of the joint image–text space.
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

  /// Makes the configuration of ViT-B/32, the default of the format.
  public init() {}

  /// Reads a configuration; missing settings get Hugging Face's defaults.
  ///
  /// - Parameter url: the file.
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
      // Old files repeat the towers' settings under these keys, and these take precedence.
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

  /// Merges the settings of a file into the defaults.
  private static func merge(_ base: JSONValue, _ given: JSONValue) -> JSONValue {
    guard case .object(let members) = base, case .object(let overlay) = given else { return given }
    return .object(
      members.merging(overlay.filter { $0.value != .null }) { merge($0, $1) })
  }

  /// A description of an impossible size; nil if all sizes are possible.
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
      // After more than 16 halvings no image is left, and the power would overflow.
      if channels.count > 16 || vision.patchSize % (1 << channels.count) != 0 {
        return
          "stem_channels has \(channels.count) entries, each halves the image, so patch_size must be a multiple of "
          + "2^\(channels.count); it is \(vision.patchSize)"
      }
    }
    if let trunk = vision.trunk {
      guard EfficientNetGeometry(named: trunk) != nil else {
        return "trunk \"\(trunk)\" is not known; use one of "
          + EfficientNetGeometry.names.joined(separator: ", ")
      }
      if vision.stages != nil || vision.stemChannels != nil {
        return "trunk excludes resnet_layers and stem_channels"
      }
    }
    for name in [vision.activation, text.activation] where !["gelu", "quick_gelu"].contains(name) {
      return "hidden_act \"\(name)\" is not known; use gelu or quick_gelu"
    }
    return nil
  }
}
