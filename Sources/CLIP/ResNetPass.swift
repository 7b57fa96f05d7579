import Torch

/// The first part of a ResNet, trained or compiled: the stem and stages.
protocol ResNetFront {
  associatedtype Stem: Layer
  associatedtype Block: Layer

  var stem: [Stem] { get }
  /// The stages; of a partly compiled tower, the first ones.
  var stages: [[Block]] { get }
  /// The number of stages of the whole tower.
  var towerDepth: Int { get }
  /// The type of activations; nil for the type of the pixels.
  var activationType: DType? { get }
}

extension ResNetFront {
  /// Runs a pass that stops before a stage.
  func stopped(_ pixels: Tensor, before depth: Int, hidden: [Int]) throws -> ImageTrunk {
    let wanted = try HiddenLayers(hidden, of: towerDepth).before(depth)
    var x = try stem.reduce(pixels.to(activationType ?? pixels.dtype)) { try $1($0) }.averagePool(2)
    var outputs: [Tensor] = []
    for (index, stage) in stages.prefix(depth).enumerated() {
      x = try stage.reduce(x) { try $1($0) }
      if wanted.contains(index + 1) { outputs.append(try x.permuted([0, 2, 3, 1])) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, grid: Array(x.shape.suffix(2)))
  }
}

/// A whole ResNet, trained or compiled.
protocol ResNetPass {
  associatedtype Front: ResNetFront
  associatedtype Pool: AttentionPoolPass

  var front: Front { get }
  var pool: Pool { get }
}

extension ResNetPass {
  /// Runs the rest of a stopped pass; the outputs are float32 if activations have their own type.
  func resumed(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    let stages = front.stages
    var outputs = try HiddenLayers(hidden, of: stages.count).outputs(of: trunk, towerDepth: stages.count)
    var x = trunk.input
    if hidden.contains(trunk.depth) { outputs[trunk.depth] = try x.permuted([0, 2, 3, 1]) }
    for (index, stage) in stages.enumerated().dropFirst(trunk.depth) {
      x = try stage.reduce(x) { try $1($0) }
      if hidden.contains(index + 1) { outputs[index + 1] = try x.permuted([0, 2, 3, 1]) }
    }
    let image = try pool(x)
    let features = dense == nil ? image : try pool.dense(x)
    let found = ImageFeatures(image: image, dense: features, layers: hidden.compactMap { outputs[$0] })
    return front.activationType == nil ? found : try found.map { try $0.to(.float32) }
  }
}

/// The first part of a ResNet, compiled for inference.
struct CompiledResNetFront: ResNetFront, TrunkPass, Sendable {
  let stem: [CompiledConvolution]
  let stages: [[CompiledBottleneck]]
  let towerDepth: Int
  let activationType: DType?

  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk {
    try stopped(pixels, before: depth, hidden: hidden)
  }
}

/// A whole ResNet, compiled for inference.
struct CompiledResNet: ResNetPass, ImagePass, Sendable {
  let front: CompiledResNetFront
  let pool: CompiledAttentionPool

  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk {
    try front.trunk(pixels, depth: depth, hidden: hidden)
  }

  func callAsFunction(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    try resumed(trunk, dense: dense, hidden: hidden)
  }
}
