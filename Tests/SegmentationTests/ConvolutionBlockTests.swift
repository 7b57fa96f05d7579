import Testing
import TestSupport
import Torch

@testable import Segmentation

/// The head's block in training, where one pass normalises, adds and activates.
@Suite struct ConvolutionBlockTests {
  @Test(arguments: [1, 2], [nil, DType.bfloat16])
  func gradientsAreThoseOfTheFormula(_ stride: Int, _ type: DType?) throws {
    let block = try ConvolutionBlock(3, 16, stride: stride, isDouble: true, generator: Generator(seed: 4))
    if type != nil {
      // Far from the kink of the activation, half of the channels on each side: a value that bfloat16
      // rounds across it would get another gradient.
      let far = try Tensor((0..<16).map { $0 % 2 == 0 ? -12 : 12 } as [Float])
      for each in block.parameters() where ["norm1.bias", "norm2.bias"].contains(each.key) {
        try each.tensor.assign(far)
      }
    }
    try block.requireGradients(true)
    let parameters = block.parameters()
    let copies = try parameters.map { try $0.tensor.detached().copy().requireGradient(true) }
    let weights = Dictionary(uniqueKeysWithValues: zip(parameters.map(\.key), copies))
    func weight(_ key: String) throws -> Tensor { try #require(weights[key]) }
    func normalised(_ x: Tensor, _ key: String) throws -> Tensor {
      try x.batchNorm(
        weight: weight("\(key).weight"), bias: weight("\(key).bias"), mean: nil, variance: nil,
        training: true,
        momentum: 0.1, epsilon: 1e-5)
    }
    let x = try Tensor.seeded([2, 3, 8, 10], 5).channelsLast()
    let outer = try Tensor.seeded([2, 16, 8 / stride, 10 / stride], 6)

    /// The output and the gradients of parameters.
    func run(_ parameters: [Tensor], _ forward: (Tensor) throws -> Tensor) throws -> [Tensor] {
      let y = try autocast(to: type) { try forward(x) }.to(.float32)
      try (y * outer).sum().backward()
      return try [y.detached()] + parameters.map { try #require(try $0.gradient()) }
    }
    let found = try run(parameters.map(\.tensor)) { try block($0) }
    let wanted = try run(copies) { x in
      let y = try normalised(x.conv2d(weight("conv1.weight"), stride: stride, padding: 1), "norm1")
        .leakyRelu()
      let few = stride == 1 ? x : try x.strided(dim: 2, by: stride).strided(dim: 3, by: stride)
      return
        try
        (normalised(y.conv2d(weight("conv2.weight"), padding: 1), "norm2")
        + few.conv2d(weight("shortcut.weight"))).leakyRelu()
    }
    // The block rounds to bfloat16, by 1/256 at most, once where the formula rounds after each operator.
    // Without instructions for bfloat16, libtorch's convolutions also add up in it.
    let tolerance = type == nil ? 1e-5 : 6.0 / 256
    for (mine, theirs) in zip(found, wanted) {
      #expect(try difference(mine, theirs) <= tolerance * (theirs.magnitude().doubles().max() ?? 1))
    }
  }
}
