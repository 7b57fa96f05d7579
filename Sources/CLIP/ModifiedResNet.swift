import Torch

/// CLIP's ResNet (RN50 and its family).
///
/// It has a three-convolution stem, average pools before strides and an attention pool.
///
/// Checkpoint keys are OpenAI's (`visual.layer1.0.conv1.weight`), since Hugging Face has none for
/// it. For every extractor, dense features are the attention pool's value and output projections at
/// each position (method, section 1). The pool has one query, so it has neither a final token nor a
/// self-correlation.
public final class ModifiedResNet: ImageTower, ResNetFront, ResNetPass {
  @Child private var stem1: ResNetStemLayer
  @Child private var stem2: ResNetStemLayer
  @Child private var stem3: ResNetStemLayer
  @Child private var stage1: [Bottleneck]
  @Child private var stage2: [Bottleneck]
  @Child private var stage3: [Bottleneck]
  @Child private var stage4: [Bottleneck]
  @Child var pool: AttentionPool

  /// Whether training updates the statistics of batch normalisations; set it to train from scratch.
  public override var learnsStatistics: Bool {
    didSet { for norm in norms { norm.learns = learnsStatistics } }
  }

  /// True: every convolution has one.
  public override var normalizesBatches: Bool { true }

  /// Makes a network with random weights.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - projectionSize: the width d of the joint space.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError` with libtorch's message.
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
    _stem1 = Child("", try ResNetStemLayer(1, 3, width / 2, stride: 2, initializer))
    _stem2 = Child("", try ResNetStemLayer(2, width / 2, width / 2, stride: 1, initializer))
    _stem3 = Child("", try ResNetStemLayer(3, width / 2, width, stride: 1, initializer))
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

  var stem: [ResNetStemLayer] { [stem1, stem2, stem3] }
  var stages: [[Bottleneck]] { [stage1, stage2, stage3, stage4] }
  override var pass: (any ResumingPass)? { self }
  var front: ModifiedResNet { self }
  var towerDepth: Int { stages.count }
  var activationType: DType? { nil }

  private var norms: [StillNorm] {
    stem.map(\.norm) + stages.joined().flatMap(\.norms)
  }

  /// The channels of the four stages.
  public override var hiddenWidths: [Int] { stages.indices.map { (configuration.hiddenSize / 8) << $0 } }

  /// The distance in pixels between neighbouring positions of the four stages: 4, 8, 16, 32.
  public override var hiddenStrides: [Int] { stages.indices.map { 4 << $0 } }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { pool.outputs }

  /// Its position embeddings belong to the grid of one input size.
  package override var hasPositionEmbeddings: Bool { true }

  /// Compiles all layers, each convolution together with its normalisation.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    CompiledImageTower(
      CompiledResNet(
        front: try compiledFront(for: precision, upTo: stages.count), pool: try pool.compiled(for: precision))
    )
  }

  /// Compiles the stem and the first stages.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(for precision: Precision, upTo depth: Int) throws -> CompiledResNetFront {
    CompiledResNetFront(
      stem: try stem.map { try $0.compiled(for: precision) },
      stages: try stages.prefix(depth).map { try $0.map { try $0.compiled(for: precision) } },
      towerDepth: stages.count, activationType: precision.activationType)
  }

  /// Returns the stem and the first stages.
  public override func modules(before depth: Int) -> [Module] {
    stem + Array(stages.prefix(depth).joined())
  }

  override var layerKeys: [String] { stages.indices.map { "visual.layer\($0 + 1)." } }
  override var endKeys: [String] { ["visual.attnpool."] }
}
