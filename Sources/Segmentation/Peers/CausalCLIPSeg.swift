import Torch

/// CausalCLIPSeg: a learned mask keeps the causal part of the features; the rest must not segment.
///
/// Chen, Wei, Zheng, Hu, Shi, Xiong, Zhu and Mou, CausalCLIPSeg: Unlocking CLIP's Potential in
/// Referring Medical Image Segmentation with Causal Intervention, MICCAI 2024. The networks follow
/// the authors' code (WUTCM-Lab/CausalCLIPSeg), which has neither losses nor training. Of the paper
/// only the abstract was at hand. So the min-max game has the form of CIRL (Lv et al., CVPR 2022,
/// BIT-DA/CIRL); that code names masks and parts as CIRL does.
///
/// A masker of four convolutions, two of them with coordinates, gives each channel of each position
/// a value M from 0 to 1. F⊙M is the causal part, F⊙(1 − M) the confounding part. Words become a
/// filter that is correlated with the pixels' features (cross-modal decoding). A second decoder
/// learns to segment from the confounding part, the term `confounding`. The mask learns that the
/// causal part segments and the confounding part does not: its gradient of the term is reversed.
///
/// `represent` makes the causal part after the words' filter, and the common head decodes it. The
/// words are the normalised mean of the embedded prompts of all lesion classes, because the class
/// of an image is not known when it is segmented. So they are the same for all images. These are
/// the differences from the authors' method:
///
/// - There is one mask, on the dense features of the joint space, in place of three on layers of a
///   ResNet. The head's image branch and the layers that it reads have no mask.
/// - The authors enlarge the features, and sum the words' correlations over the channels to a logit
///   of each pixel. Here the head reads the causal part plus the correlation of each channel,
///   before the sum. The decoder of the confounding part sums, on the grid, and its logits are
///   enlarged.
/// - The mask reads F without gradients, as in CIRL. The loss of the confounding part is pixel
///   cross-entropy with weight 1, and its reversal has strength 1 throughout (ours).
/// - Convolutions before a normalisation have no bias.
public final class CausalCLIPSeg: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "causalclipseg"
  /// The description in one line.
  public static let summary = "masks features so that the part it takes away does not segment"
  /// The paper.
  public static let reference =
    "Chen et al.: CausalCLIPSeg: Unlocking CLIP's Potential in Referring Medical Image Segmentation with Causal "
    + "Intervention. MICCAI 2024"

  /// The options.
  public struct Options: MethodOptions {
    /// The channels of the decoder of the confounding part.
    public var width = 256
    /// The weight of that decoder's loss.
    public var weight = 1.0

    /// Makes the authors' width, and CIRL's equal weights.
    public init() {}

    /// Checks width and weight.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("width", width, in: 1...65_536)
      try require("weight", weight, in: 0...Double.greatestFiniteMagnitude)
    }
  }

  @Child private var masker: Masker
  @Child private var kernel: Linear
  @Child private var decoder: ConfoundingDecoder
  /// The text embedding, d.
  @Buffer private var words: Tensor
  private let weight: Double
  /// F and M of the training step, B×d×h×w; nil outside of it.
  private var parts: (features: Tensor, mask: Tensor)?

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method, of which it uses the words and the seed.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    weight = options.weight
    let generator = try Generator(seed: context.seed, for: "method")
    let features = try context.text.classes.size(1)
    _masker = Child("masker", try Masker(features, generator: generator))
    _kernel = Child("kernel", try Linear(features, 9 * features, generator: generator))
    _decoder = Child(
      "decoder", try ConfoundingDecoder(features, width: options.width, generator: generator))
    _words = Buffer("words", try context.text.classes.mean([0]).normalized().copy())
    super.init()
  }

  /// Masks the features, and filters the causal part by the words.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    let positions = try encoded.positions
    // Values near 1 suit the coordinates beside them and the normalisations after them.
    let scaled = try positions.to(.float32) * Double(sizes[3]).squareRoot()
    let features = try scaled.transposed(1, 2).reshaped([sizes[0], sizes[3], sizes[1], sizes[2]])
    let mask = try masker(features.detached())
    // Threads share a method in inference, so only training may write.
    if pass.training != nil { parts = (features, mask) }
    let causal = try features * mask
    let filter = try kernel(words).reshaped([sizes[3], 1, 3, 3])
    let filtered = try causal + causal.conv2d(filter, padding: 1, groups: sizes[3])
    return Representation(
      features: positions, observed: positions,
      grid: try filtered.flattened(from: 2).transposed(1, 2).to(positions.dtype))
  }

  /// Computes the loss of the confounding part, the term `confounding`.
  ///
  /// Its decoder and the features get the gradient, the mask the reversed gradient.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let (features, mask) = parts else { return [] }
    parts = nil
    let rest = try features * (1 - DANN.reversed(mask.to(.float32), strength: 1))
    let logits = try decoder(rest, words).to(.float32)
      .resized(height: batch.masks.size(2), width: batch.masks.size(3))
    let loss = try logits.binaryCrossEntropies(targets: batch.masks).mean()
    return [LossTerm("confounding", loss, weight: weight)]
  }
}

/// The masker: B×d×h×w → the share of the causal part, B×d×h×w, from 0 to 1.
private final class Masker: Module {
  @Child private var layers: [NormalizedConvolution]

  init(_ features: Int, generator: Generator) throws {
    // The first and the third layer also see the coordinates.
    _layers = Child(
      "layers",
      try (0..<4).map { layer in
        try NormalizedConvolution(
          layer.isMultiple(of: 2) ? features + 2 : features, features, generator: generator)
      })
    super.init()
  }

  func callAsFunction(_ features: Tensor) throws -> Tensor {
    var x = features
    for (index, layer) in layers.enumerated() {
      let seen = index.isMultiple(of: 2) ? try withCoordinates(x) : x
      x = try index == layers.count - 1 ? layer(seen).sigmoid() : layer(seen).relu()
    }
    return x
  }

  /// Appends two channels, across and down, each from −1 to 1.
  private func withCoordinates(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 4, "the masker's input")
    func channel(_ count: Int, _ shape: [Int]) throws -> Tensor {
      try Tensor.linspace(-1, 1, count: count).to(x.device).to(x.dtype).reshaped(shape)
        .expanded(to: [sizes[0], 1, sizes[2], sizes[3]])
    }
    return try .concatenated(
      [x, channel(sizes[3], [1, 1, 1, -1]), channel(sizes[2], [1, 1, -1, 1])], dim: 1)
  }
}

/// The decoder of the confounding part: two convolutions, and a filter that the words give.
///
/// B×d×h×w → logits, B×1×h×w.
private final class ConfoundingDecoder: Module {
  @Child private var layers: [NormalizedConvolution]
  @Child private var out: Conv2d
  @Child private var kernel: Linear
  private let width: Int

  init(_ features: Int, width: Int, generator: Generator) throws {
    self.width = width
    _layers = Child(
      "layers",
      try [features, width].map { try NormalizedConvolution($0, width, generator: generator) })
    _out = Child("out", try Conv2d(width, width, kernel: 1, generator: generator))
    _kernel = Child("kernel", try Linear(features, 9 * width + 1, generator: generator))
    super.init()
  }

  func callAsFunction(_ features: Tensor, _ words: Tensor) throws -> Tensor {
    var x = features
    for layer in layers { x = try layer(x).relu() }
    let filter = try kernel(words)
    let weight = try filter.narrowed(dim: 0, start: 0, length: 9 * width).reshaped([1, width, 3, 3])
    return try out(x).conv2d(
      weight, bias: filter.narrowed(dim: 0, start: 9 * width, length: 1), padding: 1)
  }
}

/// A 3×3 convolution with batch normalisation: B×in×h×w → B×out×h×w.
private final class NormalizedConvolution: Module {
  @Child private var convolution: Conv2d
  @Child private var norm: BatchNorm2d

  init(_ inputs: Int, _ outputs: Int, generator: Generator) throws {
    _convolution = Child(
      "conv", try Conv2d(inputs, outputs, kernel: 3, padding: 1, bias: false, generator: generator))
    _norm = Child("norm", try BatchNorm2d(outputs))
    super.init()
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(convolution(x)) }
}
