import Torch

/// EfficientNet or EfficientNet-Lite as the image tower of a CLIP model.
///
/// Checkpoint keys are those of OpenCLIP for a trunk of timm: `visual.trunk.` and timm's keys, then
/// `visual.head.proj.weight`. The image embedding is the projected mean of the last features. The
/// mean and a linear projection commute, so for every extractor the dense features are the
/// projected features of each position (MaskCLIP's reading of a pooled tower). The layers of a pass
/// are the seven stages.
public final class EfficientNet: ImageTower, EfficientNetPass {
  @Child private var stem: NormedConvolution
  @Child private var stages: [[MobileBlock]]
  @Child private var last: NormedConvolution
  @Child private var projection: TrunkProjection
  private let geometry: EfficientNetGeometry

  /// Whether training updates the statistics of the batch normalisations.
  public override var learnsStatistics: Bool {
    didSet { for norm in norms { norm.learns = learnsStatistics } }
  }

  /// True: every convolution has one.
  public override var normalizesBatches: Bool { true }

  init(
    _ configuration: CLIPConfiguration.Vision, _ geometry: EfficientNetGeometry, projectionSize: Int,
    _ initializer: Initializer
  ) throws {
    self.geometry = geometry
    _stem = Child(
      "visual.trunk",
      try NormedConvolution(
        keys: ("conv_stem", "bn1"), 3, geometry.stemWidth, kernel: 3, stride: 2,
        activation: geometry.activation, geometry, initializer))
    var inputs = geometry.stemWidth
    _stages = Child(
      "visual.trunk.blocks",
      try geometry.stages.map { stage in
        defer { inputs = stage.width }
        return try (0..<stage.blocks).map {
          try MobileBlock(
            $0 == 0 ? inputs : stage.width, stage, stride: $0 == 0 ? stage.stride : 1, geometry, initializer)
        }
      })
    _last = Child(
      "visual.trunk",
      try NormedConvolution(
        keys: ("conv_head", "bn2"), inputs, geometry.headWidth, activation: geometry.activation, geometry,
        initializer))
    _projection = Child(
      "",
      try TrunkProjection(
        configuration, geometry.headWidth, projectionSize, classifier: "classifier", initializer))
    super.init(configuration)
  }

  private var norms: [StillNorm] {
    [stem.norm] + stages.joined().flatMap(\.norms) + [last.norm]
  }

  /// The channels of the stages.
  public override var hiddenWidths: [Int] { geometry.stages.map(\.width) }

  /// The distance in pixels between neighbouring positions of each stage: 2, 4, 8, 16, 16, 32, 32.
  public override var hiddenStrides: [Int] { geometry.strides }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { projection.outputs }

  override var pass: (any ResumingPass)? { self }
  var front: TrainedEfficientNetFront {
    TrainedEfficientNetFront(stem: stem, stages: stages, towerDepth: stages.count)
  }
  var end: NormedConvolution { last }
  var projected: TrunkProjection { projection }

  /// Compiles all layers, each convolution together with its normalisation.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    CompiledImageTower(
      CompiledEfficientNet(
        front: try compiledFront(for: precision, upTo: stages.count), end: try last.compiled(for: precision),
        projected: try projection.compiled(for: precision)))
  }

  /// Compiles the first convolution and the first stages.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(
    for precision: Precision, upTo depth: Int
  ) throws -> CompiledEfficientNetFront {
    CompiledEfficientNetFront(
      stem: try stem.compiled(for: precision),
      stages: try stages.prefix(depth).map { try $0.map { try $0.compiled(for: precision) } },
      towerDepth: stages.count, activationType: precision.activationType)
  }

  /// Returns the first convolution and the first stages.
  public override func modules(before depth: Int) -> [Module] {
    [stem] + Array(stages.prefix(depth).joined())
  }

  override var layerKeys: [String] { stages.indices.map { "visual.trunk.blocks.\($0)." } }
  override var endKeys: [String] {
    ["visual.trunk.conv_head.", "visual.trunk.bn2.", "visual.trunk.classifier.", "visual.head."]
  }
}

/// A whole EfficientNet, trained or compiled.
protocol EfficientNetPass: StagedPass where Front: StemFront {
  associatedtype End: Layer
  associatedtype Projection: Layer

  /// The last convolution.
  var end: End { get }
  /// The projection into the joint space.
  var projected: Projection { get }
}

extension EfficientNetPass {
  func ended(_ x: Tensor, isDense: Bool) throws -> (image: Tensor, dense: Tensor) {
    let positions = try end(x).permuted([0, 2, 3, 1])
    let image = try projected(positions.mean([1, 2]))
    return (image, isDense ? try projected(positions) : image)
  }
}

/// The first part of an EfficientNet, trained.
struct TrainedEfficientNetFront: StemFront {
  let stem: NormedConvolution
  let stages: [[MobileBlock]]
  let towerDepth: Int
  var activationType: DType? { nil }
}

/// The first part of an EfficientNet, compiled for inference.
struct CompiledEfficientNetFront: StemFront, TrunkPass, Sendable {
  let stem: CompiledNormedConvolution
  let stages: [[CompiledMobileBlock]]
  let towerDepth: Int
  let activationType: DType?
}

/// A whole EfficientNet, compiled for inference.
struct CompiledEfficientNet: EfficientNetPass, ImagePass, Sendable {
  let front: CompiledEfficientNetFront
  let end: CompiledNormedConvolution
  let projected: CompiledTrunkProjection
}
