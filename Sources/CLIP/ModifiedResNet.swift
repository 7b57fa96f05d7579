import Torch

/// CLIP's ResNet (RN50 and its family): three-convolution stem, average pools before strides, attention pool.
///
/// Checkpoint keys are OpenAI's (`visual.layer1.0.conv1.weight`), since Hugging Face has none for it. Dense features
/// are the attention pool's value and output projections at each position, whichever extractor is named (method,
/// section 1): the pool has one query, so there is neither a final token nor a self-correlation to read.
public final class ModifiedResNet: ImageTower {
  @Child private var stem1: StemLayer
  @Child private var stem2: StemLayer
  @Child private var stem3: StemLayer
  @Child private var stage1: [Bottleneck]
  @Child private var stage2: [Bottleneck]
  @Child private var stage3: [Bottleneck]
  @Child private var stage4: [Bottleneck]
  @Child private var pool: AttentionPool
  /// Of activations, once weights are laid out for inference.
  private var preparedType: DType?

  /// Whether training mode updates the batch normalisations' statistics; set it to train from scratch.
  ///
  /// Otherwise a published model's statistics stay, also while it is tuned on small batches.
  public var learnsStatistics = false {
    didSet { for norm in norms { norm.learns = learnsStatistics } }
  }

  /// Makes a network with random weights.
  public convenience init(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, generator: Generator
  ) throws {
    try self.init(configuration, projectionSize: projectionSize, Initializer(generator: generator))
  }

  init(_ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer) throws {
    let width = configuration.hiddenSize / 32
    let blocks = configuration.stages ?? []
    guard blocks.count == 4, blocks.allSatisfy({ $0 > 0 }), configuration.hiddenSize % 64 == 0 else {
      throw TorchError.value("a ResNet image tower has four stages and a width that 64 divides")
    }
    _stem1 = Child("", try StemLayer(1, 3, width / 2, stride: 2, initializer))
    _stem2 = Child("", try StemLayer(2, width / 2, width / 2, stride: 1, initializer))
    _stem3 = Child("", try StemLayer(3, width / 2, width, stride: 1, initializer))
    func stage(_ index: Int) throws -> Child<[Bottleneck]> {
      let planes = width << index
      let inputs = index == 0 ? width : 2 * planes
      return Child(
        "visual.layer\(index + 1)",
        try (0..<blocks[index]).map {
          try Bottleneck(
            $0 == 0 ? inputs : 4 * planes, planes, stride: $0 == 0 && index > 0 ? 2 : 1, initializer)
        })
    }
    (_stage1, _stage2, _stage3, _stage4) = (try stage(0), try stage(1), try stage(2), try stage(3))
    _pool = Child(
      "visual.attnpool",
      try AttentionPool(
        side: configuration.imageSize / 32, width: configuration.hiddenSize, heads: configuration.heads,
        outputs: projectionSize, initializer))
    super.init(configuration)
  }

  private var stages: [[Bottleneck]] { [stage1, stage2, stage3, stage4] }

  private var norms: [StillNorm] {
    [stem1.norm, stem2.norm, stem3.norm] + stages.joined().flatMap(\.norms)
  }

  /// Channels of the four stages.
  public override var hiddenWidths: [Int] { stages.indices.map { (configuration.hiddenSize / 8) << $0 } }

  /// Pixels between neighbouring positions of the four stages: 4, 8, 16, 32.
  public override var hiddenStrides: [Int] { stages.indices.map { 4 << $0 } }

  /// Encodes normalised pixels up to a stage; `hidden` names stages.
  public override func trunk(_ pixels: Tensor, depth: Int, hidden: [Int] = []) throws -> ImageTrunk {
    try check(hidden: hidden)
    let type = isTraining ? nil : preparedType
    var x = try stem3(stem2(stem1(pixels.to(type ?? pixels.dtype)))).averagePool(2)
    let wanted = kept(hidden, before: depth)
    var outputs: [Tensor] = []
    for (index, stage) in stages.prefix(depth).enumerated() {
      x = try stage.reduce(x) { try $1($0) }
      if wanted.contains(index + 1) { outputs.append(try x.permuted([0, 2, 3, 1])) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, grid: Array(x.shape.suffix(2)))
  }

  /// Takes up a pass that was stopped before a stage.
  public override func callAsFunction(
    _ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    var kept = try outputs(trunk, hidden: hidden)
    var x = trunk.input
    if hidden.contains(trunk.depth) { kept[trunk.depth] = try x.permuted([0, 2, 3, 1]) }
    for (index, stage) in stages.enumerated().dropFirst(trunk.depth) {
      x = try stage.reduce(x) { try $1($0) }
      if hidden.contains(index + 1) { kept[index + 1] = try x.permuted([0, 2, 3, 1]) }
    }
    let image = try pool(x)
    let features = dense == nil ? image : try pool.dense(x)
    let found = ImageFeatures(image: image, dense: features, layers: hidden.compactMap { kept[$0] })
    return preparedType == nil || isTraining ? found : try found.map { try $0.to(.float32) }
  }

  /// Lays weights out for inference, each convolution with its normalisation; what comes out stays float32.
  public override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    try super.prepare(for: precision, keepingWeights: keepingWeights)
    preparedType = precision.activationType
  }

  /// The stem and the first stages.
  public override func modules(before depth: Int) -> [Module] {
    [stem1, stem2, stem3] + Array(stages.prefix(depth).joined())
  }

  /// The parameters of the last stages and the attention pool; all when `count` is nil.
  public override func parameters(ofLast count: Int?) -> [NamedTensor] {
    guard let count else { return parameters() }
    let first = max(0, stages.count - count)
    let tuned = (first..<stages.count).map { "visual.layer\($0 + 1)." } + ["visual.attnpool."]
    return parameters().filter { parameter in tuned.contains { parameter.key.hasPrefix($0) } }
  }
}

/// Batch normalisation that keeps its statistics unless it is told to learn them.
private final class StillNorm: Module {
  @Child private var norm: BatchNorm2d
  var learns = false

  init(_ channels: Int, weight: Double = 1) throws {
    _norm = Child("", try BatchNorm2d(channels))
    super.init()
    if weight != 1 { try norm.weight.fill(weight) }
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.batchNorm(
      weight: norm.weight, bias: norm.bias, mean: norm.mean, variance: norm.variance,
      training: learns && isTraining, momentum: norm.momentum, epsilon: norm.epsilon)
  }

  /// A convolution and this normalisation after it as one convolution.
  func folded(
    _ convolution: Conv2d, for precision: Precision, activation: PackedConvolution.Activation
  ) throws -> PackedConvolution {
    try norm.folded(convolution, for: precision, activation: activation)
  }
}

/// One convolution of the stem with its normalisation.
private final class StemLayer: Module {
  @Child private var convolution: Conv2d
  @Child var norm: StillNorm
  private var prepared: PackedConvolution?

  init(_ number: Int, _ inputs: Int, _ outputs: Int, stride: Int, _ initializer: Initializer) throws {
    _convolution = Child(
      "visual.conv\(number)",
      try initializer.convolution(inputs, outputs, kernel: 3, stride: stride, padding: 1))
    _norm = Child("visual.bn\(number)", try StillNorm(outputs))
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    if let prepared, !isTraining { return try prepared(x) }
    return try norm(convolution(x)).relu()
  }

  override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    prepared = try norm.folded(convolution, for: precision, activation: .relu)
    if !keepingWeights { try giveUpWeights() }
  }
}

/// 1×1, 3×3, average pool, 1×1, with a shortcut: B×in×h×w → B×4·planes×h/stride×w/stride.
private final class Bottleneck: Module {
  @Child private var first: Conv2d
  @Child private var norm1: StillNorm
  @Child private var second: Conv2d
  @Child private var norm2: StillNorm
  @Child private var third: Conv2d
  @Child private var norm3: StillNorm
  @Child private var shortcut: Conv2d?
  @Child private var shortcutNorm: StillNorm?
  private let stride: Int
  private var prepared: Prepared?

  /// Every convolution with the normalisation after it; the last one takes the shortcut along.
  private struct Prepared {
    let (first, second, third): (PackedConvolution, PackedConvolution, PackedConvolution)
    let shortcut: PackedConvolution?
  }

  init(_ inputs: Int, _ planes: Int, stride: Int, _ initializer: Initializer) throws {
    self.stride = stride
    _first = Child("conv1", try initializer.convolution(inputs, planes, kernel: 1))
    _norm1 = Child("bn1", try StillNorm(planes))
    _second = Child("conv2", try initializer.convolution(planes, planes, kernel: 3, padding: 1))
    _norm2 = Child("bn2", try StillNorm(planes))
    _third = Child("conv3", try initializer.convolution(planes, 4 * planes, kernel: 1))
    // Blocks start as the identity, as in OpenAI's code.
    _norm3 = Child("bn3", try StillNorm(4 * planes, weight: 0))
    let changes = stride > 1 || inputs != 4 * planes
    _shortcut = Child(
      "downsample.0", changes ? try initializer.convolution(inputs, 4 * planes, kernel: 1) : nil)
    _shortcutNorm = Child("downsample.1", changes ? try StillNorm(4 * planes) : nil)
  }

  var norms: [StillNorm] { [norm1, norm2, norm3] + (shortcutNorm.map { [$0] } ?? []) }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    if let prepared, !isTraining {
      let inner = try pooled(prepared.second(prepared.first(x)))
      return try prepared.third.adding(inner, to: prepared.shortcut?(pooled(x)) ?? x)
    }
    let inner = try norm2(second(norm1(first(x)).relu())).relu()
    let outer = try norm3(third(pooled(inner)))
    guard let shortcut, let shortcutNorm else { return try (outer + x).relu() }
    return try (outer + shortcutNorm(shortcut(pooled(x)))).relu()
  }

  override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    prepared = Prepared(
      first: try norm1.folded(first, for: precision, activation: .relu),
      second: try norm2.folded(second, for: precision, activation: .relu),
      third: try norm3.folded(third, for: precision, activation: .relu),
      shortcut: try shortcut.flatMap { try shortcutNorm?.folded($0, for: precision, activation: .none) })
    if !keepingWeights { try giveUpWeights() }
  }

  private func pooled(_ x: Tensor) throws -> Tensor { stride > 1 ? try x.averagePool(stride) : x }
}

/// Attention of the mean over all positions: B×w×h×w → B×d.
private final class AttentionPool: Module {
  @Parameter private var positions: Tensor
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  private let heads: Int
  private let side: Int

  init(side: Int, width: Int, heads: Int, outputs: Int, _ initializer: Initializer) throws {
    let deviation = 1 / Double(width).squareRoot()
    self.heads = heads
    self.side = side
    _positions = Parameter(
      "positional_embedding", try initializer.normal([side * side + 1, width], deviation: deviation))
    _query = Child("q_proj", try initializer.linear(width, width, deviation: deviation))
    _key = Child("k_proj", try initializer.linear(width, width, deviation: deviation))
    _value = Child("v_proj", try initializer.linear(width, width, deviation: deviation))
    _out = Child("c_proj", try initializer.linear(width, outputs, deviation: deviation))
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 4, "the attention pool's input")
    let cells = try x.flattened(from: 2).transposed(1, 2)
    let tokens =
      try .concatenated([cells.mean([1], keepDimensions: true), cells], dim: 1)
      + interpolated(positions, side: side, height: sizes[2], width: sizes[3]).to(cells.dtype)
    let mean = try tokens.narrowed(dim: 1, start: 0, length: 1)
    let read = try split(query(mean)).attention(keys: split(key(tokens)), values: split(value(tokens)))
    return try out(read.transposed(1, 2).flattened(from: 2)).squeezed(1)
  }

  /// The value path at each position, B×h×w×d, without position embeddings (MaskCLIP, Zhou et al., 2022).
  func dense(_ x: Tensor) throws -> Tensor { try out(value(x.permuted([0, 2, 3, 1]))) }

  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = x.shape
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }
}
