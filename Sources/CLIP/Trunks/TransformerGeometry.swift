/// The geometry of a plain vision transformer, by its name in timm.
///
/// Dosovitskiy et al., ICLR 2021; DINOv2: Oquab et al., TMLR 2024, with registers by Darcet et al.,
/// ICLR 2024; DINOv3: Siméoni et al., 2025; EVA-02: Fang et al., 2024.
struct TransformerGeometry: Equatable, Sendable {
  /// The way in which tokens learn of their positions.
  enum Positions: Equatable, Sendable {
    /// Embeddings of the class token and of the grid.
    case learned
    /// Embeddings of the grid alone.
    case learnedGrid
    /// Rotary positions of DINOv3, without weights.
    case rotary
    /// Embeddings as `learned`, and rotary positions of EVA-02.
    case learnedRotary
  }

  /// The bias of queries, keys and values.
  enum AttentionBias: Equatable, Sendable {
    /// One for all three.
    case joined
    /// One for queries and one for values.
    case withoutKeys
    /// None.
    case none
    /// As `withoutKeys`, where each has a product of its own in checkpoints.
    case apart
  }

  /// The side of a patch in pixels.
  var patch: Int
  /// The width of the tokens.
  var width: Int
  /// The number of layers.
  var layers: Int
  /// The number of attention heads.
  var heads: Int
  /// The number of register tokens.
  var registers = 0
  /// The positions.
  var positions = Positions.learned
  /// The bias of queries, keys and values.
  var attentionBias = AttentionBias.joined
  /// Whether a factor for each channel scales what a layer adds.
  var scalesLayers = false
  /// Whether the feed-forward is gated by a second product (Shazeer, 2020).
  var isGated = false
  /// Whether the last products of attention and feed-forward normalise their inputs, as in EVA-02.
  var normalizesInside = false
  /// Whether the tokens are normalised before the first layer, as in CLIP.
  var normalizesFirst = false
  /// A number that is added to variances.
  var epsilon = 1e-6
  /// The side of the training images that timm's configuration gives.
  var imageSize = 224

  /// The width inside the feed-forward layers.
  var innerWidth: Int { positions == .learnedRotary ? 8 * width / 3 : 4 * width }

  /// Whether the names of weights are those of timm's class `Eva`.
  var isEva: Bool { positions == .rotary }

  /// The pool that timm takes if nothing else is said.
  var pool: TokenPool { isEva ? .avg : .token }

  /// The sizes: width, layers, heads.
  private static let sizes = [
    "tiny": (192, 12, 3), "small": (384, 12, 6), "small_plus": (384, 12, 6), "base": (768, 12, 12),
    "large": (1024, 24, 16), "huge_plus": (1280, 32, 20),
  ]

  /// The sizes of each family, `SIZE_patchN`, and the sides of its training images.
  private static let supervised = [
    "tiny_patch16": [224, 384], "small_patch8": [224], "small_patch16": [224, 384],
    "small_patch32": [224, 384], "base_patch8": [224], "base_patch16": [224, 384],
    "base_patch32": [224, 384], "large_patch14": [224], "large_patch16": [224, 384],
    "large_patch32": [224, 384],
  ]
  private static let clip = [
    "base_patch16": [224, 384], "base_patch32": [224, 256, 384, 448], "large_patch14": [224, 336],
  ]
  private static let eva2 = ["base_patch16": [224], "large_patch14": [224, 336]]
  private static let dino2 = ["small", "base", "large"].map { "\($0)_patch14" }
  private static let dino3 = ["small", "small_plus", "base", "large", "huge_plus"].map { "\($0)_patch16" }

  /// All geometries by name.
  private static let all: [String: TransformerGeometry] = {
    var found: [String: TransformerGeometry] = [:]
    func add(
      _ place: String, _ suffix: String, prefix: String = "vit",
      _ change: (inout TransformerGeometry) -> Void
    ) {
      let parts = place.split(separator: "_")
      guard let patch = parts.last.flatMap({ Int($0.dropFirst("patch".count)) }),
        let (width, layers, heads) = sizes[parts.dropLast().joined(separator: "_")]
      else { return }
      var geometry = TransformerGeometry(patch: patch, width: width, layers: layers, heads: heads)
      change(&geometry)
      found["\(prefix)_\(place)_\(suffix)"] = geometry
    }
    for (place, sides) in supervised {
      for side in sides { add(place, "\(side)") { $0.imageSize = side } }
    }
    for (place, sides) in clip {
      for side in sides {
        add(place, "clip_\(side)") {
          ($0.imageSize, $0.normalizesFirst, $0.epsilon) = (side, true, 1e-5)
        }
      }
    }
    for place in dino2 {
      add(place, "dinov2") { ($0.imageSize, $0.scalesLayers) = (518, true) }
      add(place, "reg4_dinov2") {
        ($0.imageSize, $0.scalesLayers) = (518, true)
        ($0.registers, $0.positions) = (4, .learnedGrid)
      }
    }
    for (place, suffix) in dino3.flatMap({ [($0, "dinov3"), ($0, "dinov3_qkvb")] })
      + [("tiny_patch16", "dinov3_qkvb")]
    {
      add(place, suffix) {
        ($0.imageSize, $0.scalesLayers, $0.registers, $0.epsilon) = (256, true, 4, 1e-5)
        ($0.positions, $0.isGated) = (.rotary, place.contains("_plus"))
        $0.attentionBias = suffix == "dinov3" ? .none : .withoutKeys
      }
    }
    for (place, sides) in eva2 {
      for side in sides {
        add(place, "clip_\(side)", prefix: "eva02") {
          ($0.imageSize, $0.positions, $0.isGated) = (side, .learnedRotary, true)
          ($0.attentionBias, $0.normalizesInside) = (.apart, true)
        }
      }
    }
    return found
  }()

  /// The names, `vit_base_patch14_dinov2` and so on.
  static let names = all.keys.sorted()

  /// Finds the geometry of a name.
  ///
  /// - Parameter name: timm's name, without the tag of its weights; another name gives nil.
  init?(named name: String) {
    guard let found = Self.all[name] else { return nil }
    self = found
  }

  /// Makes a geometry of other sizes.
  init(patch: Int, width: Int, layers: Int, heads: Int) {
    (self.patch, self.width, self.layers, self.heads) = (patch, width, layers, heads)
  }

  /// The number of weights of a tower that was trained on images of a side, roughly.
  func weightCount(imageSize: Int) -> Double {
    let (grid, wide) = (Double(imageSize / patch), Double(width))
    let layer = wide * (4 * wide + Double((isGated ? 3 : 2) * innerWidth))
    return Double(layers) * layer + wide * (3 * Double(patch * patch) + (isEva ? 0 : grid * grid))
  }
}
