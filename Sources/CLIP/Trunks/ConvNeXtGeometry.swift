/// The geometry of a ConvNeXt, by its name in timm.
///
/// Liu et al., CVPR 2022; version 2: Woo et al., CVPR 2023.
struct ConvNeXtGeometry: Equatable, Sendable {
  /// The number of blocks of each stage.
  var blocks: [Int]
  /// The channels of each stage.
  var widths: [Int]
  /// Whether the weights of the feed-forward have the shape of 1×1 convolutions.
  var hasConvolutionalShapes = false
  /// Whether the feed-forward has a global response normalisation in place of layer scale.
  var isVersion2 = false
  /// A number that is added to variances.
  var epsilon = 1e-6

  /// The sizes: blocks, channels of the first stage, shape of weights.
  private static let sizes: [String: (blocks: [Int], width: Int, isSmall: Bool)] = [
    "atto": ([2, 2, 6, 2], 40, true), "femto": ([2, 2, 6, 2], 48, true),
    "pico": ([2, 2, 6, 2], 64, true), "nano": ([2, 2, 8, 2], 80, true),
    "tiny": ([3, 3, 9, 3], 96, false), "small": ([3, 3, 27, 3], 96, false),
    "base": ([3, 3, 27, 3], 128, false), "large": ([3, 3, 27, 3], 192, false),
    "xlarge": ([3, 3, 27, 3], 256, false), "xxlarge": ([3, 4, 30, 3], 384, false),
    "huge": ([3, 3, 27, 3], 352, false),
  ]

  /// The names, `convnext_atto` to `convnext_xxlarge` and `convnextv2_atto` to `convnextv2_huge`.
  static let names = sizes.keys.flatMap { size in
    (size == "huge" ? [] : ["convnext_\(size)"])
      + (["xlarge", "xxlarge"].contains(size) ? [] : ["convnextv2_\(size)"])
  }.sorted()

  /// Finds the geometry of a name.
  ///
  /// - Parameter name: timm's name, without the tag of its weights; another name gives nil.
  init?(named name: String) {
    guard Self.names.contains(name), let size = name.split(separator: "_").last,
      let found = Self.sizes[String(size)]
    else { return nil }
    self.init(blocks: found.blocks, widths: (0..<4).map { found.width << $0 })
    hasConvolutionalShapes = found.isSmall
    isVersion2 = name.hasPrefix("convnextv2_")
    if size == "xxlarge" { epsilon = 1e-5 }
  }

  /// Makes a geometry of other sizes.
  init(blocks: [Int], widths: [Int]) { (self.blocks, self.widths) = (blocks, widths) }

  /// The number of weights, roughly.
  var weightCount: Double {
    zip(blocks, widths).reduce(0) { $0 + Double($1.0) * 8 * Double($1.1) * Double($1.1) }
  }
}
