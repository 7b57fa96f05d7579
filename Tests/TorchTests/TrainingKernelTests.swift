import Testing
import TestSupport

@testable import Torch

/// Operators of training with gradients by kernels of this package, beside libtorch's in float64.
@Suite struct TrainingKernelTests {
  /// Returns the values of an operator and of its gradients by all inputs, in float64.
  ///
  /// The inputs are random, the same for each type. Images have channels last.
  private func values(
    _ type: DType, _ shapes: [[Int]], _ operation: ([Tensor]) throws -> Tensor
  ) throws -> [Tensor] {
    let generator = try Generator(seed: 3)
    let inputs = try shapes.map { shape in
      // What bfloat16 can hold, so that each type starts from the same numbers.
      let drawn = try Tensor.randomNormal(shape, generator: generator).to(.bfloat16)
      let input = try drawn.to(shape.count == 1 && type != .float64 ? .float32 : type)
      return try (shape.count == 4 ? input.channelsLast() : input).requireGradient()
    }
    let result = try operation(inputs)
    let weights = try Tensor.randomNormal(result.shape, generator: Generator(seed: 4)).to(.bfloat16)
    try (result * weights.to(result.dtype)).to(.float64).sum().backward()
    return try ([result.detached()] + inputs.compactMap { try $0.gradient() }).map { try $0.to(.float64) }
  }

  /// Expects equal values up to some roundings of a type, those of bfloat16 by 1/256 at most.
  ///
  /// Result and gradient are rounded once each; an activation after a kernel adds one rounding more.
  private func expectEqual(
    _ type: DType, _ shapes: [[Int]], roundings: Double = 3, _ operation: ([Tensor]) throws -> Tensor
  ) throws {
    let (found, exact) = (
      try values(type, shapes, operation), try values(.float64, shapes, operation)
    )
    #expect(found.count == shapes.count + 1 && exact.count == found.count)
    for (one, other) in zip(found, exact) {
      let scale = try other.magnitude().doubles().max() ?? 0
      #expect(try difference(one, other) <= (type == .float32 ? 1e-5 : roundings / 256) * scale)
    }
  }

  // Kernel, stride, padding, height and width; below the size of a kernel, at its border, and over it.
  @Test(
    arguments: [DType.float32, .bfloat16],
    [
      [3, 1, 1, 9, 7], [3, 2, 0, 9, 8], [3, 2, 1, 8, 5], [5, 1, 2, 4, 3], [5, 2, 0, 11, 12], [7, 1, 3, 6, 9],
    ])
  func aDepthwiseConvolutionHasTheGradientsOfLibtorch(_ type: DType, _ sizes: [Int]) throws {
    for (channels, adds) in [(32, false), (32, true), (24, true)] {
      let shapes = [[2, channels, sizes[3], sizes[4]], [channels, 1, sizes[0], sizes[0]]]
      // Without instructions for bfloat16, libtorch adds up its gradients by the image in that type.
      try expectEqual(type, shapes + (adds ? [[channels]] : []), roundings: 6) {
        // As that of a layer, the bias has the type of the weights.
        let bias = adds ? try $0[2].to($0[1].dtype) : nil
        return try $0[0].depthwiseConv2d($0[1], bias: bias, stride: sizes[1], padding: sizes[2])
      }
    }
  }

  @Test(
    arguments: [DType.float32, .bfloat16],
    [CompiledConvolution.Activation.none, .relu, .leakyRelu, .relu6, .silu])
  func aNormalizationHasTheGradientsOfLibtorch(
    _ type: DType, _ activation: CompiledConvolution.Activation
  ) throws {
    for channels in [16, 24, 5] {
      for (training, adds) in [(true, false), (true, true), (false, true)] {
        let image = [3, channels, 5, 6]
        func normalized(_ inputs: [Tensor]) throws -> Tensor {
          let exact = inputs[1].dtype
          return try inputs[0].batchNorm(
            weight: inputs[1], bias: inputs[2], mean: .zeros([channels]).to(exact),
            variance: .ones([channels]).to(exact), training: training, momentum: 0.1, epsilon: 1e-5,
            adding: adds ? inputs[3] : nil, activation: activation)
        }
        let shapes = [image, [channels], [channels]] + (adds ? [image] : [])
        // The kernel adds up in float32, so bfloat16 does not move values over a kink.
        try expectEqual(type, shapes, normalized)
      }
    }
  }

  @Test func aNormalizationUpdatesTheRunningStatistics() throws {
    let x = try (Tensor.randomNormal([4, 24, 6, 6], generator: Generator(seed: 1)) * 2 + 3).channelsLast()
    func statistics(_ type: DType) throws -> [Double] {
      let (mean, variance) = (try Tensor.zeros([24]).to(type), try Tensor.ones([24]).to(type))
      _ = try x.to(type).batchNorm(
        weight: .ones([24]).to(type), bias: .zeros([24]).to(type), mean: mean, variance: variance,
        training: true, momentum: 0.1, epsilon: 1e-5, adding: nil, activation: .relu)
      return try mean.doubles() + variance.doubles()
    }
    let (found, exact) = (try statistics(.float32), try statistics(.float64))
    #expect(zip(found, exact).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func aDarkFirstPixelCostsTheVarianceNoDigits() throws {
    let x = try (Tensor.randomNormal([4, 16, 32, 32], generator: Generator(seed: 6)) * 0.1 + 5).channelsLast()
    try x.narrowed(dim: 0, start: 0, length: 1).narrowed(dim: 2, start: 0, length: 1)
      .narrowed(dim: 3, start: 0, length: 1).fill(0)
    func variance(_ type: DType) throws -> [Double] {
      let found = try Tensor.ones([16]).to(type)
      _ = try x.to(type).batchNorm(
        weight: .ones([16]).to(type), bias: .zeros([16]).to(type), mean: .zeros([16]).to(type),
        variance: found, training: true, momentum: 1, epsilon: 1e-5, adding: nil, activation: .relu)
      return try found.doubles()
    }
    let (found, exact) = (try variance(.float32), try variance(.float64))
    #expect(zip(found, exact).allSatisfy { abs($0 - $1) < 1e-4 * $1 })
  }

  @Test(
    arguments: [DType.float32, .bfloat16], [[4, 4, 8, 8], [5, 7, 9, 16], [3, 8, 3, 13], [1, 1, 4, 4]])
  func anEnlargementHasTheGradientOfLibtorch(_ type: DType, _ sizes: [Int]) throws {
    for channels in [16, 5] {
      try expectEqual(type, [[2, channels, sizes[0], sizes[1]]]) {
        try $0[0].resizedBilinearly(height: sizes[2], width: sizes[3])
      }
    }
  }

  @Test func aLinearLayerHasTheGradientsOfLibtorch() throws {
    try expectEqual(.float32, [[3, 40, 96], [80, 96], [80]]) { try $0[0].linear($0[1], bias: $0[2]) }
    try expectEqual(.float32, [[3, 40, 96], [80, 96]]) { try $0[0].linear($0[1]) }
  }

  // On AMD's processors with AVX-512, libtorch alone would give other last bits without gradients.
  @Test func aLinearLayerIsTheSameInTrainingAndInference() throws {
    let generator = try Generator(seed: 5)
    let x = try Tensor.randomNormal([3, 40, 700], generator: generator)
    let weight = try Tensor.randomNormal([80, 700], generator: generator)
    let bias = try Tensor.randomNormal([80], generator: generator)
    let training = try x.linear(weight, bias: bias)
    let inference = try inferenceMode { try x.linear(weight, bias: bias).doubles() }
    #expect(try training.doubles() == inference)
    #expect(try training.shape == [3, 40, 80])
  }

  @Test func gradientsAreTheSameWithAnyNumberOfThreads() throws {
    let shapes = [[3, 32, 40, 40], [32, 1, 5, 5], [32], [32]]
    func all(_ threads: Int) throws -> [[Double]] {
      try Machine.withThreads(threads) {
        try values(.float32, shapes) {
          try $0[0].depthwiseConv2d($0[1], stride: 2, padding: 2).batchNorm(
            weight: $0[2], bias: $0[3], mean: .zeros([32]), variance: .ones([32]), training: true,
            momentum: 0.1, epsilon: 1e-5, adding: nil, activation: .leakyRelu
          ).resizedBilinearly(height: 41, width: 80)
        }.map { try $0.doubles() }
      }
    }
    #expect(try all(1) == all(2))
  }
}
