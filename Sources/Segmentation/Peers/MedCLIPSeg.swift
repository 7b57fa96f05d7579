import Torch

/// MedCLIPSeg: patches and words attend to each other, and uncertain ones count less.
///
/// Koleilat, Asgariandehkordi, Nejati Manzari, Barile, Xiao and Rivaz, MedCLIPSeg: Probabilistic
/// Vision-Language Adaptation for Data-Efficient and Generalizable Medical Image Segmentation,
/// CVPR 2026 (arXiv 2602.20423). The formulas and constants are those of the authors' code
/// (HealthX-Lab/MedCLIPSeg), read in full; of the paper itself only the abstract was at hand.
///
/// An adapter projects patches V and text tokens T to `width` channels. The patches attend to the
/// tokens, the tokens to the result (`ProbabilisticAttention`), and both are projected back and
/// added to V and T. Keys and values are Gaussians. Attention falls with the variance of a key.
/// Training draws the values, once in a step. The term `soft-contrast` compares the images' mean
/// patches with their texts; its targets are soft, by the similarity of the texts.
///
/// `represent` makes the fused patches, and the common head decodes them. The words are the
/// embedded prompts of all lesion classes and of normal images, because the class of an image is
/// not known when it is segmented. So they are the same for all images; only in the term does an
/// image have its own text. These are the differences from the authors' method:
///
/// - The adapters come after the tower, on its dense features, not before the layers 2 to 11 of
///   both towers. There are `depth` of them in place of ten (ours). A token is a whole prompt, not
///   a word piece. V and T start with the length √d, the size of tokens inside a tower.
/// - The common head is in place of the product of upsampled patches and text.
/// - Inference takes the mean of the values, in place of the mean of thirty random passes. So there
///   is no map of uncertainty.
/// - The term normalises texts as well. Its weight is twice 0.1, because L_seg here is twice the
///   authors' 0.5·Dice + 0.5·cross-entropy.
public final class MedCLIPSeg: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "medclipseg"
  /// The description in one line.
  public static let summary = "lets patches and words attend to each other, uncertain ones less"
  /// The paper.
  public static let reference =
    "Koleilat et al.: MedCLIPSeg: Probabilistic Vision-Language Adaptation for Data-Efficient and Generalizable "
    + "Medical Image Segmentation. CVPR 2026"

  /// The options.
  public struct Options: MethodOptions {
    /// The channels of an adapter.
    public var width = 256
    /// The number of adapters (ours; the authors have ten inside the towers).
    public var depth = 2
    /// The weight of a key's deviation in the attention: the width at half maximum of a Gaussian.
    public var beta = 2.35
    /// The initial share of the attention in its output, before the sigmoid.
    public var gate = 0.0
    /// The temperature of the term.
    public var temperature = 0.2
    /// The weight of the term.
    public var weight = 0.2

    /// Makes the authors' options, with two adapters.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("width", width, in: 1...65_536)
      try require("depth", depth, in: 1...64)
      try require("beta", beta, in: 0...Double.greatestFiniteMagnitude)
      try require("gate", gate, in: -100...100)
      try require("temperature", temperature, in: 0.001...1000)
      try require("weight", weight, in: 0...Double.greatestFiniteMagnitude)
    }
  }

  /// Returns the properties that follow from the options.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.averagesClasses = options.weight > 0
    return traits
  }

  @Child private var adapters: [VisionLanguageAdapter]
  /// The embedded prompts: the lesion classes, then the normal images, (K+1)×d.
  @Buffer private var words: Tensor
  private let options: Options
  /// The fused text tokens of the training step, B×(K+1)×d; nil outside of it.
  private var texts: Tensor?

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method, of which it uses the words and the seed.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    self.options = options
    let generator = try Generator(seed: context.seed, for: "method")
    let text = context.text
    let features = try text.classes.size(1)
    _adapters = Child(
      "pvl_adapters",
      try (0..<options.depth).map { _ in
        try VisionLanguageAdapter(features: features, options, generator: generator)
      })
    _words = Buffer("words", try .concatenated([text.classes, text.normal.expandedDimension(0)], dim: 0))
    super.init()
  }

  /// Fuses the patches with the words; in training the values of the attention are drawn.
  public override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    let positions = try encoded.positions
    let sizes = try positions.sizes(rank: 3, "the positions")
    let length = Double(sizes[2]).squareRoot()
    var patches = try positions.to(.float32) * length
    var tokens = try (words * length).expandedDimension(0).expanded(to: [sizes[0], -1, -1])
    for adapter in adapters {
      (patches, tokens) = try adapter(patches, tokens, pass.training?.generator)
    }
    // Threads share a method in inference, so only training may write.
    if pass.training != nil { texts = tokens }
    return Representation(
      features: positions, observed: positions, grid: try patches.normalized().to(positions.dtype))
  }

  /// Computes the soft contrast of images and texts, the term `soft-contrast`.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let tokens = texts else { return [] }
    texts = nil
    // With one image there is nothing to compare.
    guard batch.sites.count > 1 else { return [] }
    let lesions = try batch.masks.max([1, 2, 3]).to(.cpu).floats().map { $0 > 0 }
    let shares = try Self.shares(
      classes: batch.classes, lesions: lesions, count: tokens.size(1) - 1
    ).to(tokens.device)
    let own = try (tokens.to(.float32) * shares.expandedDimension(-1)).sum([1])
    let loss = try Self.contrast(
      images: output.representation.grid.to(.float32).mean([1]), texts: own,
      temperature: options.temperature)
    return [LossTerm("soft-contrast", loss, weight: options.weight)]
  }

  /// Returns the share of each prompt in the text of each image.
  ///
  /// It is the prompt of the image's class, without a lesion the normal one. For a lesion of an
  /// unknown class it is the mean of all classes.
  ///
  /// - Parameters:
  ///   - classes: the lesion class of each image; nil without a lesion or if unknown.
  ///   - lesions: whether each mask has a lesion.
  ///   - count: K, the number of classes.
  /// - Returns: B×(K+1), each row sums to 1.
  /// - Throws: `TorchError` if there is no memory.
  static func shares(classes: [Int?], lesions: [Bool], count: Int) throws -> Tensor {
    let rows = zip(classes, lesions).map { label, lesion in
      (0...count).map { entry -> Float in
        if let label { return entry == label ? 1 : 0 }
        return lesion ? (entry < count ? 1 / Float(count) : 0) : (entry == count ? 1 : 0)
      }
    }
    return try Tensor(rows.flatMap { $0 }, shape: [rows.count, count + 1])
  }

  /// Computes the soft contrast of a batch, the mean of both directions.
  ///
  /// The targets are the softmax over the cosines of the texts, each row of the cosines scaled to
  /// length 1. The direction from text to image has the transposed targets. Both are as in the
  /// authors' code. The targets have no gradient.
  ///
  /// - Parameters:
  ///   - images: the mean of each image's normalised patches, B×d.
  ///   - texts: the text of each image, B×d.
  ///   - temperature: τ.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  static func contrast(images: Tensor, texts: Tensor, temperature: Double) throws -> Tensor {
    let texts = try texts.normalized()
    let logits = try images.matmul(texts.transposed()) / temperature
    let targets = try withoutGradients {
      try texts.matmul(texts.transposed()).normalized().softmax(dim: -1)
    }
    func crossEntropy(_ logits: Tensor, _ targets: Tensor) throws -> Tensor {
      try -(targets * logits.logSoftmax(dim: -1)).sum([-1]).mean()
    }
    return try (crossEntropy(logits, targets) + crossEntropy(logits.transposed(), targets.transposed())) / 2
  }
}

/// One adapter: attention between patches and text tokens in fewer channels, and residuals.
private final class VisionLanguageAdapter: Module {
  @Child private var visionDown: Linear
  @Child private var textDown: Linear
  @Child private var visionUp: Linear
  @Child private var textUp: Linear
  @Child private var vision: ProbabilisticAttention
  @Child private var text: ProbabilisticAttention

  init(features: Int, _ options: MedCLIPSeg.Options, generator: Generator) throws {
    func linear(_ inputs: Int, _ outputs: Int) throws -> Linear {
      try Linear(inputs, outputs, bias: false, generator: generator)
    }
    func attention() throws -> ProbabilisticAttention {
      try ProbabilisticAttention(
        width: options.width, beta: options.beta, gate: options.gate, generator: generator)
    }
    _visionDown = Child("proj_vis_down", try linear(features, options.width))
    _textDown = Child("proj_txt_down", try linear(features, options.width))
    _visionUp = Child("proj_vis_up", try linear(options.width, features))
    _textUp = Child("proj_txt_up", try linear(options.width, features))
    _vision = Child("two_way.cross_attn_img_to_txt", try attention())
    _text = Child("two_way.cross_attn_txt_to_img", try attention())
    super.init()
  }

  /// Maps patches B×P×d and tokens B×M×d to tensors of these shapes.
  func callAsFunction(
    _ patches: Tensor, _ tokens: Tensor, _ generator: Generator?
  ) throws -> (Tensor, Tensor) {
    let reduced = try textDown(tokens)
    let seen = try vision(visionDown(patches), reduced, generator)
    let read = try text(reduced, seen, generator)
    return (try patches + visionUp(seen), try tokens + textUp(read))
  }
}

/// Attention to Gaussians: each key and each value has a mean and a variance.
///
/// With queries Q, keys N(μ_K, σ_K²) and values N(μ_V, σ_V²) of w channels
///
///     A = softmax(Q·μ_Kᵀ / √w − β · √(Q²·σ_K²ᵀ / w)),  O = A·(μ_V + σ_V·ε),
///
/// and the output is g·(W·O) + (1 − g)·x with a learned g. Means are layer-normalised. Variances
/// pass softplus.
final class ProbabilisticAttention: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  @Child private var keyNorm: LayerNorm
  @Child private var valueNorm: LayerNorm
  @Parameter private var gate: Tensor
  private let beta: Double

  init(width: Int, beta: Double, gate: Double, generator: Generator) throws {
    self.beta = beta
    _query = Child("q_proj", try Linear(width, width, generator: generator))
    _key = Child("k_proj", try Linear(width, 2 * width, generator: generator))
    _value = Child("v_proj", try Linear(width, 2 * width, generator: generator))
    _out = Child("out_proj", try Linear(width, width, generator: generator))
    _keyNorm = Child("norm_k", try LayerNorm(width))
    _valueNorm = Child("norm_v", try LayerNorm(width))
    _gate = Parameter("gate", try .full([1], gate))
    super.init()
  }

  /// Draws ε if there is a generator; otherwise ε is 0.
  func callAsFunction(_ x: Tensor, _ context: Tensor, _ generator: Generator?) throws -> Tensor {
    let shape = context.shape
    return try attended(
      x, context, noise: generator.map { try .randomNormal(shape, generator: $0).to(context.device) })
  }

  /// Maps x, B×N×w, and the context, B×M×w, to B×N×w; ε is B×M×w, nil for 0.
  func attended(_ x: Tensor, _ context: Tensor, noise: Tensor?) throws -> Tensor {
    let width = Double(try x.size(-1))
    let queries = try query(x)
    let (keys, keyVariance) = try gaussian(key(context), keyNorm)
    let (means, variance) = try gaussian(value(context), valueNorm)
    var scores = try queries.matmul(keys.transposed()) / width.squareRoot()
    if beta > 0 {
      // The root has no gradient at 0.
      let spread = try (queries.power(2).matmul(keyVariance.transposed()) / width).clamped(min: 1e-12)
      scores = try scores - spread.squareRoot() * beta
    }
    let values = try noise.map { try means + variance.squareRoot() * $0 } ?? means
    let attended = try out(scores.softmax(dim: -1).matmul(values))
    let share = try gate.sigmoid()
    return try share * attended + (1 - share) * x
  }

  /// Splits a projection into the normalised mean and the variance.
  private func gaussian(_ projected: Tensor, _ norm: LayerNorm) throws -> (Tensor, Tensor) {
    let halves = try projected.chunks(2, dim: -1)
    // softplus(x) = −log σ(−x)
    return (try norm(halves[0]), try -(-halves[1]).logSigmoid() + 1e-6)
  }
}
