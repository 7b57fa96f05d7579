import Torch

/// The geometry of an EfficientNet or EfficientNet-Lite, by its name in timm.
///
/// Tan and Le, ICML 2019; the Lite family omits squeeze-and-excitation and uses ReLU6.
struct EfficientNetGeometry: Equatable, Sendable {
  /// A stage: blocks of one kind and width.
  struct Stage: Equatable, Sendable {
    /// The side of the depthwise kernel.
    var kernel: Int
    /// The stride of the first block.
    var stride: Int
    /// The factor by which blocks widen their input; 1 for depthwise separable blocks.
    var expansion: Int
    /// The channels of the output.
    var width: Int
    /// The number of blocks.
    var blocks: Int
  }

  /// The channels of the first convolution.
  var stemWidth: Int
  /// The stages, finest first.
  var stages: [Stage]
  /// The channels of the last convolution.
  var headWidth: Int
  /// The activation of all convolutions that have one.
  var activation: CompiledConvolution.Activation
  /// Whether blocks have squeeze-and-excitation.
  var excites: Bool
  /// Whether strided convolutions pad as TensorFlow does: more at the right and the bottom.
  var padsAsTensorFlow: Bool
  /// The number that is added to the variance in normalisations.
  var epsilon: Double

  /// The stages of EfficientNet-B0.
  private static let base = [
    Stage(kernel: 3, stride: 1, expansion: 1, width: 16, blocks: 1),
    Stage(kernel: 3, stride: 2, expansion: 6, width: 24, blocks: 2),
    Stage(kernel: 5, stride: 2, expansion: 6, width: 40, blocks: 2),
    Stage(kernel: 3, stride: 2, expansion: 6, width: 80, blocks: 3),
    Stage(kernel: 5, stride: 1, expansion: 6, width: 112, blocks: 3),
    Stage(kernel: 5, stride: 2, expansion: 6, width: 192, blocks: 4),
    Stage(kernel: 3, stride: 1, expansion: 6, width: 320, blocks: 1),
  ]

  /// The factors of width and depth, by the part of the name after the prefix.
  private static let scales: [String: (width: Double, depth: Double)] = [
    "lite0": (1, 1), "lite1": (1, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8),
    "b0": (1, 1), "b1": (1, 1.1), "b2": (1.1, 1.2), "b3": (1.2, 1.4), "b4": (1.4, 1.8), "b5": (1.6, 2.2),
    "b6": (1.8, 2.6), "b7": (2, 3.1),
  ]

  /// The names, `efficientnet_lite0` to `tf_efficientnet_b7`.
  static let names = ["efficientnet_", "tf_efficientnet_"].flatMap { prefix in
    scales.keys.map { prefix + $0 }
  }.sorted()

  /// Finds the geometry of a name.
  ///
  /// - Parameter name: timm's name, without the tag of its weights; another name gives nil.
  init?(named name: String) {
    padsAsTensorFlow = name.hasPrefix("tf_")
    let plain = padsAsTensorFlow ? name.dropFirst(3) : Substring(name)
    guard plain.hasPrefix("efficientnet_"),
      let scale = Self.scales[String(plain.dropFirst("efficientnet_".count))]
    else { return nil }
    let isLite = plain.contains("_lite")
    activation = isLite ? .relu6 : .silu
    excites = !isLite
    epsilon = padsAsTensorFlow ? 1e-3 : 1e-5
    func width(_ channels: Int) -> Int { Self.rounded(Double(channels) * scale.width) }
    // The Lite family scales neither the first nor the last layer.
    stemWidth = isLite ? 32 : width(32)
    headWidth = isLite ? 1280 : width(1280)
    let last = Self.base.count - 1
    stages = Self.base.enumerated().map { index, stage in
      var stage = stage
      stage.width = width(stage.width)
      if !isLite || (index > 0 && index < last) {
        stage.blocks = Int((Double(stage.blocks) * scale.depth).rounded(.up))
      }
      return stage
    }
  }

  /// Rounds a width to a multiple of 8 that is at least 90 % of it.
  private static func rounded(_ width: Double) -> Int {
    let nearest = max(8, Int(width + 4) / 8 * 8)
    return Double(nearest) < 0.9 * width ? nearest + 8 : nearest
  }

  /// The distance in pixels between neighbouring positions of each stage's output.
  var strides: [Int] {
    var (stride, result) = (2, [Int]())
    for stage in stages {
      stride *= stage.stride
      result.append(stride)
    }
    return result
  }
}
