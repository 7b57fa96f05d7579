import Torch

/// ConvNeXt, version 1 or 2, as the image tower of a CLIP model.
///
/// Checkpoint keys are those of OpenCLIP for a trunk of timm: `visual.trunk.` and timm's keys, then
/// `visual.head.proj.weight`. The image embedding is the projection of the normalised mean of the
/// last features. For every extractor the dense features are those of each position, normalised and
/// projected (MaskCLIP's reading of a pooled tower). The layers of a pass are the four stages.
public final class ConvNeXt: ImageTower, ConvNeXtPass {
  @Child private var stem: ConvNeXtStem
  @Child private var stages: [ConvNeXtStage]
  @Child var norm: LayerNorm
  @Child var projection: TrunkProjection
  private let geometry: ConvNeXtGeometry

  init(
    _ configuration: CLIPConfiguration.Vision, _ geometry: ConvNeXtGeometry, projectionSize: Int,
    _ initializer: Initializer
  ) throws {
    self.geometry = geometry
    let last = geometry.widths[geometry.widths.count - 1]
    _stem = Child("visual.trunk.stem", try ConvNeXtStem(geometry, initializer))
    _stages = Child(
      "visual.trunk.stages",
      try geometry.blocks.indices.map { try ConvNeXtStage($0, geometry, initializer) })
    _norm = Child("visual.trunk.head.norm", try LayerNorm(last, epsilon: geometry.epsilon))
    _projection = Child(
      "", try TrunkProjection(configuration, last, projectionSize, classifier: "head.fc", initializer))
    super.init(configuration)
  }

  /// The channels of the stages.
  public override var hiddenWidths: [Int] { geometry.widths }

  /// The distance in pixels between neighbouring positions of each stage: 4, 8, 16, 32.
  public override var hiddenStrides: [Int] { geometry.widths.indices.map { 4 << $0 } }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { projection.outputs }

  override var pass: (any ResumingPass)? { self }
  var front: TrainedConvNeXtFront {
    TrainedConvNeXtFront(stem: stem, stages: stages.map { [$0] }, towerDepth: stages.count)
  }

  /// Compiles all layers.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    CompiledImageTower(
      CompiledConvNeXt(
        front: try compiledFront(for: precision, upTo: stages.count), norm: try norm.compiled(),
        projection: try projection.compiled(for: precision)))
  }

  /// Compiles the stem and the first stages.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(for precision: Precision, upTo depth: Int) throws -> CompiledConvNeXtFront {
    CompiledConvNeXtFront(
      stem: try stem.compiled(for: precision),
      stages: try stages.prefix(depth).map { [try $0.compiled(for: precision)] },
      towerDepth: stages.count, activationType: precision.activationType)
  }

  /// Returns the stem and the first stages.
  public override func modules(before depth: Int) -> [Module] { [stem] + Array(stages.prefix(depth)) }

  override var layerKeys: [String] { stages.indices.map { "visual.trunk.stages.\($0)." } }
  override var endKeys: [String] { ["visual.trunk.head.", "visual.head."] }
}

/// The stem of ConvNeXt: a convolution of whole patches of 4 and a normalisation.
final class ConvNeXtStem: Module, Layer {
  @Child private var convolution: Conv2d
  @Child private var norm: LayerNorm

  init(_ geometry: ConvNeXtGeometry, _ initializer: Initializer) throws {
    _convolution = Child(
      "0", try initializer.convolution(3, geometry.widths[0], kernel: 4, stride: 4, bias: true))
    _norm = Child("1", try LayerNorm(geometry.widths[0], epsilon: geometry.epsilon))
  }

  /// Maps B×3×H×W to B×c×⌊H/4⌋×⌊W/4⌋.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm.overChannels(convolution(x)) }

  /// Compiles the stem.
  func compiled(for precision: Precision) throws -> CompiledConvNeXtStem {
    CompiledConvNeXtStem(
      convolution: try convolution.compiled(for: precision), norm: try norm.compiled())
  }
}

/// The stem of ConvNeXt compiled for inference.
struct CompiledConvNeXtStem: Layer, Sendable {
  fileprivate let convolution: CompiledConvolution
  fileprivate let norm: CompiledLayerNorm

  /// Maps B×3×H×W to B×c×⌊H/4⌋×⌊W/4⌋.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm.overChannels(convolution(x)) }
}

/// A whole ConvNeXt, trained or compiled.
protocol ConvNeXtPass: StagedPass where Front: StemFront {
  associatedtype Norm: Layer
  associatedtype Projection: Layer

  /// The normalisation of the mean.
  var norm: Norm { get }
  /// The projection into the joint space.
  var projection: Projection { get }
}

extension ConvNeXtPass {
  func ended(_ x: Tensor, isDense: Bool) throws -> (image: Tensor, dense: Tensor) {
    let positions = try x.permuted([0, 2, 3, 1])
    let image = try projection(norm(positions.mean([1, 2])))
    return (image, isDense ? try projection(norm(positions)) : image)
  }
}

/// The first part of a ConvNeXt, trained.
struct TrainedConvNeXtFront: StemFront {
  let stem: ConvNeXtStem
  let stages: [[ConvNeXtStage]]
  let towerDepth: Int
  var activationType: DType? { nil }
}

/// The first part of a ConvNeXt, compiled for inference.
struct CompiledConvNeXtFront: StemFront, TrunkPass, Sendable {
  let stem: CompiledConvNeXtStem
  let stages: [[CompiledConvNeXtStage]]
  let towerDepth: Int
  let activationType: DType?
}

/// A whole ConvNeXt, compiled for inference.
struct CompiledConvNeXt: ConvNeXtPass, ImagePass, Sendable {
  let front: CompiledConvNeXtFront
  let norm: CompiledLayerNorm
  let projection: CompiledTrunkProjection
}
