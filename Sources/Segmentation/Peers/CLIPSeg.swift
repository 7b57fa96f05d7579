import Torch

/// CLIPSeg: a small transformer decodes the outputs of several tower layers, conditioned by text.
///
/// Lüddecke and Ecker, Image Segmentation Using Text and Image Prompts, CVPR 2022. From the deepest
/// layer up, the outputs are projected to `width` channels and added to the decoded features so
/// far. The text embedding scales and shifts the first sum (FiLM). Each sum passes a post-norm
/// transformer block (feed-forward of 2,048, ReLU). A transposed convolution makes a patch of
/// logits from every position. `head.towerLayers` names the layers. If it names none, they are at a
/// quarter, half and three quarters of the depth: 3, 6 and 9 of 12, counted from 1.
///
/// The text embedding is the normalised mean of the embeddings of the lesion classes, because the
/// class of an image is not known when it is segmented. These are the differences from the paper.
/// The authors count 3, 6 and 9 from 0, so theirs are the 4th, 7th and 10th layer, each one later
/// (`head.towerLayers` = [4, 7, 10]). The authors carry the class token along and drop it at the
/// end; here it is not among the positions. There is no dropout. The tower is trained or frozen by
/// the run's settings; the authors' is frozen. Layers of a ResNet are resized to its grid.
public final class CLIPSeg: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "clipseg"
  /// The description in one line.
  public static let summary = "decodes the tower's layers by a transformer, conditioned by words"
  /// The paper.
  public static let reference =
    "Lüddecke, Ecker: Image Segmentation Using Text and Image Prompts. CVPR 2022"

  /// The options.
  public struct Options: MethodOptions {
    /// The channels of the decoder.
    public var width = 64
    /// The number of attention heads; must divide the width.
    public var heads = 4
    /// The width of the feed-forward layers.
    public var innerWidth = 2048

    /// Makes the paper's options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("width", width, in: 1...65_536)
      try require("heads", heads, in: 1...65_536)
      try require("innerWidth", innerWidth, in: 1...65_536)
      try require(width % heads == 0, "heads", "\(heads)", "a divisor of model.options.width, \(width)")
    }
  }

  /// Returns the traits: the method replaces the head and reads three tower layers.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    var traits = MethodTraits()
    traits.replacesHead = true
    traits.sharing = .all
    traits.towerDepths = [0.25, 0.5, 0.75]
    return traits
  }

  @Child private var projections: [Linear]
  @Child private var scale: Linear
  @Child private var shift: Linear
  @Child private var blocks: [DecoderBlock]
  @Parameter private var patchWeight: Tensor
  @Parameter private var patchBias: Tensor
  /// The text embedding, d.
  @Buffer private var words: Tensor
  /// The position of each layer in `EncodedImages.layers`, the deepest first.
  private let order: [Int]
  private let stride: Int

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    let (width, heads, inner) = (options.width, options.heads, options.innerWidth)
    let generator = try Generator(seed: context.seed, for: "method")
    let order = context.towerLayers.indices.sorted { context.towerLayers[$0] > context.towerLayers[$1] }
    self.order = order
    stride = context.gridStride
    let text = try context.text.classes.size(1)
    _projections = Child(
      "projections", try order.map { try Linear(context.towerWidths[$0], width, generator: generator) })
    _scale = Child("scale", try Linear(text, width, generator: generator))
    _shift = Child("shift", try Linear(text, width, generator: generator))
    _blocks = Child(
      "blocks",
      try order.map { _ in
        try DecoderBlock(width: width, innerWidth: inner, heads: heads, generator: generator)
      })
    // PyTorch's own bound: the fan in of a transposed convolution is outputs times taps.
    let bound = 1 / Double(stride)
    _patchWeight = Parameter(
      "patch.weight",
      try .randomUniform([width, 1, stride, stride], low: -bound, high: bound, generator: generator))
    _patchBias = Parameter("patch.bias", try .zeros([1]))
    _words = Buffer("words", try context.text.classes.mean([0]).normalized().copy())
    super.init()
  }

  /// Decodes the outputs of the tower layers.
  public override func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    let sizes = try encoded.dense.sizes(rank: 4, "the dense features")
    var decoded: Tensor?
    for (step, place) in order.enumerated() {
      let layer = try fit(encoded.layers[place], height: sizes[1], width: sizes[2])
      let projected = try projections[step](layer.flattened(from: 1, to: 2))
      let sum = try decoded.map { try $0 + projected } ?? scale(words) * projected + shift(words)
      decoded = try blocks[step](sum)
    }
    guard let positions = decoded else {
      throw MethodError.needsTowerLayers(method: "clipseg")
    }
    let grid = try positions.transposed(1, 2).reshaped([sizes[0], -1, sizes[1], sizes[2]])
    let logits = try grid.convTranspose2d(patchWeight, bias: patchBias, stride: stride)
    // If a side is no multiple of the patch, the tower has dropped the remainder.
    let (height, width) = (try images.size(2), try images.size(3))
    return try logits.size(2) == height && logits.size(3) == width
      ? logits : logits.resized(height: height, width: width)
  }

  private func fit(_ layer: Tensor, height: Int, width: Int) throws -> Tensor {
    guard try layer.size(1) != height || layer.size(2) != width else { return layer }
    return try layer.permuted([0, 3, 1, 2]).resized(height: height, width: width, antialias: true)
      .permuted([0, 2, 3, 1])
  }
}

/// A post-norm transformer block, as PyTorch's `TransformerEncoderLayer` without dropout.
///
/// B×N×w → B×N×w.
private final class DecoderBlock: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  @Child private var norm1: LayerNorm
  @Child private var inner: Linear
  @Child private var outer: Linear
  @Child private var norm2: LayerNorm
  private let heads: Int

  init(width: Int, innerWidth: Int, heads: Int, generator: Generator) throws {
    self.heads = heads
    func projection() throws -> Linear { try Linear(width, width, generator: generator) }
    _query = Child("self_attn.q_proj", try projection())
    _key = Child("self_attn.k_proj", try projection())
    _value = Child("self_attn.v_proj", try projection())
    _out = Child("self_attn.out_proj", try projection())
    _norm1 = Child("norm1", try LayerNorm(width))
    _inner = Child("linear1", try Linear(width, innerWidth, generator: generator))
    _outer = Child("linear2", try Linear(innerWidth, width, generator: generator))
    _norm2 = Child("norm2", try LayerNorm(width))
    super.init()
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "the decoder's input")
    func split(_ x: Tensor) throws -> Tensor {
      try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
    }
    let attended = try split(query(x)).attention(keys: split(key(x)), values: split(value(x)))
    let y = try norm1(x + out(attended.transposed(1, 2).flattened(from: 2)))
    return try norm2(y + outer(inner(y).relu()))
  }
}
