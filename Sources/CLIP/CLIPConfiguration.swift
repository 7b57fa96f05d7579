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
    /// `quick_gelu`, `gelu` or `gelu_pytorch_tanh`.
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
    /// Whether an attention pool reads the final tokens, as in SigLIP; nil for CLIP's class token.
    ///
    /// The tower then has no class token, no normalisation before the layers, and `hiddenSize` is
    /// the width of the joint space. `stages`, `stemChannels` and `trunk` must be nil.
    public var hasAttentionPool: Bool?
    /// The architecture of an image trunk by its name in timm, such as `tf_efficientnet_lite0`.
    ///
    /// Nil for CLIP's own towers. `imageSize` is the side of the training images. The other settings
    /// have no effect. The key `trunk` is ours: Hugging Face's CLIP has no such tower.
    public var trunk: String?
    /// The way in which a trunk's tokens become the image embedding; nil for timm's own.
    ///
    /// The key `trunk_pool` is ours. Convolutional trunks have no choice.
    public var trunkPool: TokenPool?
    /// The map from a trunk's features to the joint space; nil for `linear`.
    ///
    /// `linear`, `mlp`, `classifier` (the trunk's own last layer) or `none`, as OpenCLIP's
    /// `timm_proj`. The key `trunk_proj` is ours.
    public var trunkProjection: String?
    /// Whether the last product of that map has a bias; nil for no.
    ///
    /// The key `trunk_proj_bias` is ours.
    public var trunkProjectionHasBias: Bool?

    enum CodingKeys: String, CodingKey {
      case hasAttentionPool = "vision_use_head"
      case trunk
      case trunkPool = "trunk_pool"
      case trunkProjection = "trunk_proj"
      case trunkProjectionHasBias = "trunk_proj_bias"
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
    /// `quick_gelu`, `gelu` or `gelu_pytorch_tanh`.
    public var activation = "quick_gelu"
    /// A number that is added to variances.
    public var epsilon = 1e-5
    /// The end token; Hugging Face's 2 marks an old file, whose end token is the largest id.
    public var endToken = 49407
    /// The token that stands for a sentence; nil for the end token, as in Hugging Face's form.
    ///
    /// The key `text_pool` is ours.
    public var pool: TextPool?
    /// Whether every token sees all tokens, also padding; nil for earlier ones alone.
    ///
    /// The key `bidirectional` is ours.
    public var isBidirectional: Bool?
    /// The map to the joint space; nil for one product without a bias.
    ///
    /// The key `text_proj` is ours.
    public var projection: TextProjection?
    /// The further settings of a BERT; nil for CLIP's own tower.
    ///
    /// The key `bert` is ours. `pool`, `isBidirectional`, `projection`, `activation` and `endToken`
    /// have no effect on a BERT.
    public var bert: Bert?

    enum CodingKeys: String, CodingKey {
      case pool = "text_pool"
      case isBidirectional = "bidirectional"
      case projection = "text_proj"
      case bert
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

  /// The supported activations.
  static let activations = ["gelu", "quick_gelu", tanhGelu]

  /// Hugging Face's name of the Gaussian error linear unit by its approximation with tanh.
  static let tanhGelu = "gelu_pytorch_tanh"

  /// The fault of a setting, and its fix.
  typealias Fault = (key: String, value: String, wanted: String)

  /// The first setting with an impossible value; nil if all are possible.
  ///
  /// The limits keep all arithmetic on sizes far from overflow.
  package var fault: (key: String, value: String, wanted: String)? {
    sizeFault ?? relationFault ?? memoryFault
  }

  private var sizeFault: Fault? {
    let wide = 1 << 16
    var sizes = [
      ("projection_dim", projectionSize, wide), ("vision_config.hidden_size", vision.hiddenSize, wide),
      ("vision_config.intermediate_size", vision.intermediateSize, 1 << 20),
      ("vision_config.num_hidden_layers", vision.layers, 1024),
      ("vision_config.num_attention_heads", vision.heads, wide),
      ("vision_config.image_size", vision.imageSize, wide),
      ("vision_config.patch_size", vision.patchSize, wide),
      ("text_config.hidden_size", text.hiddenSize, wide),
      ("text_config.intermediate_size", text.intermediateSize, 1 << 20),
      ("text_config.num_hidden_layers", text.layers, 1024),
      ("text_config.num_attention_heads", text.heads, wide),
      ("text_config.vocab_size", text.vocabularySize, 1 << 24),
      ("text_config.max_position_embeddings", text.positions, 1 << 20),
    ]
    sizes += (vision.stages ?? []).map { ("vision_config.resnet_layers", $0, 1024) }
    sizes += (vision.stemChannels ?? []).map { ("vision_config.stem_channels", $0, wide) }
    sizes += text.bert?.sizes ?? []
    return sizes.first { !(1...$0.2).contains($0.1) }
      .map { ($0.0, "\($0.1)", "it must be at least 1 and at most \($0.2)") }
  }

  private var relationFault: Fault? {
    for (tower, width, heads) in [
      ("vision_config", vision.hiddenSize, vision.heads), ("text_config", text.hiddenSize, text.heads),
    ] where width % heads != 0 {
      return ("\(tower).num_attention_heads", "\(heads)", "it must divide hidden_size, which is \(width)")
    }
    if vision.trunk == nil, vision.patchSize > vision.imageSize {
      return ("vision_config.patch_size", "\(vision.patchSize)", "image_size is only \(vision.imageSize)")
    }
    if let stages = vision.stages, stages.count != 4 || vision.hiddenSize % 64 != 0 || vision.imageSize < 32 {
      return (
        "vision_config.resnet_layers", "\(stages)",
        "it must be four numbers, with hidden_size a multiple of 64 and image_size at least 32"
      )
    }
    if let channels = vision.stemChannels {
      let key = "vision_config.stem_channels"
      if vision.stages != nil { return (key, "\(channels)", "resnet_layers has a stem of its own") }
      // After more than 16 halvings no image is left, and the power would overflow.
      if channels.isEmpty { return (key, "[]", "it must be one or more numbers") }
      if channels.count > 16 || vision.patchSize % (1 << channels.count) != 0 {
        return (
          key, "\(channels)",
          "each entry halves the image, so patch_size must be a multiple of 2^\(channels.count); it is "
            + "\(vision.patchSize)"
        )
      }
    }
    if let fault = trunkFault ?? textFault ?? sigLIPFault { return fault }
    for (tower, name) in [("vision_config", vision.activation), ("text_config", text.activation)]
    where !Self.activations.contains(name) {
      return ("\(tower).hidden_act", "\"\(name)\"", "supported: \(Self.activations.joined(separator: ", "))")
    }
    for (tower, epsilon) in [("vision_config", vision.epsilon), ("text_config", text.epsilon)]
    where !(0...1).contains(epsilon) {
      return ("\(tower).layer_norm_eps", "\(epsilon)", "it must be a number from 0 to 1")
    }
    return nil
  }

  /// Weights that the machine's memory cannot hold, by the sizes of the larger tower.
  private var memoryFault: Fault? {
    // Products of four sizes may be beyond integers, but not beyond a double.
    func transformer(_ width: Int, _ inner: Int, _ layers: Int) -> Double {
      Double(layers) * Double(width) * (4 * Double(width) + 2 * Double(inner))
    }
    let grid = Double(vision.imageSize / vision.patchSize)
    let (wide, patch) = (Double(vision.hiddenSize), Double(vision.patchSize))
    // A ResNet block of the last stage, the widest, has about one weight for each pair of channels.
    let image =
      vision.trunk.flatMap(TrunkGeometry.init).map { $0.weightCount(imageSize: vision.imageSize) }
      ?? (vision.stages == nil
        ? transformer(vision.hiddenSize, vision.intermediateSize, vision.layers) + wide
          * (grid * grid + 3 * patch * patch)
        : Double(vision.layers) * wide * wide + wide * grid * grid)
    let words =
      transformer(text.hiddenSize, text.intermediateSize, text.layers)
      + Double(text.hiddenSize)
      * (Double(text.vocabularySize) + Double(text.positions) + Double(text.bert?.positions ?? 0))
    let needed = 4 * (image + words)
    let memory = Double(ProcessInfo.processInfo.physicalMemory)
    guard needed > memory else { return nil }
    let (tower, layers) = image > words ? ("vision_config", vision.layers) : ("text_config", text.layers)
    if image > words, vision.trunk != nil {
      return (
        "vision_config.image_size", "\(vision.imageSize)",
        "the trunk's weights take \(gigabytes(needed)), and this machine has \(gigabytes(memory))"
      )
    }
    func gigabytes(_ bytes: Double) -> String { "\(Int((bytes / 1e9).rounded(.up))) GB" }
    return (
      "\(tower).num_hidden_layers", "\(layers)",
      "with the other sizes, the weights take \(gigabytes(needed)), and this machine has \(gigabytes(memory))"
    )
  }
}
