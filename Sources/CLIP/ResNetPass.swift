import Torch

/// The first part of a ResNet, trained or compiled: the stem and stages.
protocol ResNetFront: StagedFront {
  associatedtype Stem: Layer

  var stem: [Stem] { get }
}

extension ResNetFront {
  func started(_ pixels: Tensor) throws -> Tensor {
    try stem.reduce(pixels) { try $1($0) }.averagePool(2)
  }
}

/// A whole ResNet, trained or compiled.
protocol ResNetPass: StagedPass where Front: ResNetFront {
  associatedtype Pool: AttentionPoolPass

  var pool: Pool { get }
}

extension ResNetPass {
  func ended(_ x: Tensor, isDense: Bool) throws -> (image: Tensor, dense: Tensor) {
    let image = try pool(x)
    return (image, isDense ? try pool.dense(x) : image)
  }
}

/// The first part of a ResNet, compiled for inference.
struct CompiledResNetFront: ResNetFront, TrunkPass, Sendable {
  let stem: [CompiledConvolution]
  let stages: [[CompiledBottleneck]]
  let towerDepth: Int
  let activationType: DType?
}

/// A whole ResNet, compiled for inference.
struct CompiledResNet: ResNetPass, ImagePass, Sendable {
  let front: CompiledResNetFront
  let pool: CompiledAttentionPool
}
