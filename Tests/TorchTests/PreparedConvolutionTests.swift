import Foundation
import Testing

@testable import Torch

/// Convolutions that oneDNN describes once for each shape.
@Suite struct PreparedConvolutionTests {
  private let generator: Generator

  init() throws { generator = try Generator(seed: 5) }

  private func normal(_ shape: [Int]) throws -> Tensor { try .randomNormal(shape, generator: generator) }

  /// The largest difference, as a share of the largest value.
  private func distance(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    func largest(_ x: Tensor) throws -> Double { try x.magnitude().flattened().max([0]).item() }
    let wanted = try wanted.to(.float32)
    return try largest(found.to(.float32) - wanted) / largest(wanted)
  }

  /// A geometry of a convolution.
  struct Geometry: CustomTestStringConvertible, Sendable {
    let (inputs, outputs, kernel, stride, padding, groups): (Int, Int, Int, Int, Int, Int)

    static let all = [
      Geometry(inputs: 3, outputs: 16, kernel: 3, stride: 2, padding: 1, groups: 1),
      Geometry(inputs: 24, outputs: 40, kernel: 1, stride: 1, padding: 0, groups: 1),
      Geometry(inputs: 32, outputs: 32, kernel: 5, stride: 2, padding: 2, groups: 32),
      Geometry(inputs: 7, outputs: 7, kernel: 7, stride: 1, padding: 3, groups: 7),
      Geometry(inputs: 8, outputs: 12, kernel: 2, stride: 2, padding: 0, groups: 4),
    ]

    var testDescription: String {
      "\(inputs) to \(outputs), \(kernel)×\(kernel), stride \(stride), \(groups) groups"
    }

    func layer(_ generator: Generator) throws -> Conv2d {
      try Conv2d(
        inputs, outputs, kernel: kernel, stride: stride, padding: padding, groups: groups,
        generator: generator)
    }
  }

  @Test(.enabled(if: Machine.hasPreparedConvolutions), arguments: Geometry.all, Precision.trainable)
  func convolutionsOfEveryGeometryAgreeWithLibtorch(_ geometry: Geometry, _ precision: Precision) throws {
    guard precision == .float32 || Machine.hasBFloat16 else { return }
    let tolerance = precision == .float32 ? 1e-5 : 2e-2
    let layer = try geometry.layer(generator)
    let x = try normal([2, geometry.inputs, 15, 18])
    let wanted = try withoutGradients { try layer(x) }
    let residual = try normal(wanted.shape)
    for activation in [CompiledConvolution.Activation.none, .relu, .leakyRelu, .relu6, .silu] {
      let compiled = try layer.compiled(for: precision, activation: activation)
      #expect(try distance(compiled(x), activation(wanted)) < tolerance, "\(activation)")
      let sum = try activation(wanted + residual)
      #expect(try distance(compiled.adding(x, to: residual), sum) < tolerance, "\(activation), residual")
      let own = try residual.to(precision.activationType).channelsLast().copy()
      #expect(try distance(compiled.adding(x, into: own), sum) < tolerance, "\(activation), in place")
      #expect(try distance(own, sum) < tolerance, "the sum lies in the memory of the residual")
    }
  }

  @Test(arguments: Geometry.all, Precision.trainable)
  func withoutTheLibraryLibtorchComputesTheSame(_ geometry: Geometry, _ precision: Precision) throws {
    let tolerance = precision == .float32 ? 1e-5 : 2e-2
    let layer = try geometry.layer(generator)
    let x = try normal([2, geometry.inputs, 15, 18])
    let wanted = try withoutGradients { try layer(x) }
    let residual = try normal(wanted.shape)
    for activation in [CompiledConvolution.Activation.none, .relu, .leakyRelu, .relu6, .silu] {
      let compiled = try withoutGradients {
        try CompiledConvolution(
          layer.weight, bias: layer.bias, stride: layer.stride, padding: layer.padding,
          groups: layer.groups, precision: precision, activation: activation, isPrepared: false)
      }
      #expect(try distance(compiled(x), activation(wanted)) < tolerance, "\(activation)")
      let sum = try activation(wanted + residual)
      #expect(try distance(compiled.adding(x, to: residual), sum) < tolerance, "\(activation), residual")
      #expect(try distance(compiled.adding(x, into: residual), sum) < tolerance, "\(activation), in place")
    }
  }

  @Test func whatALayerMetBeforeChangesNoBit() throws {
    let images = try (3...14).map { try normal([1, 24, $0, 2 * $0]) }
    for (kernel, precision) in [(3, Precision.float32), (3, .bfloat16), (1, .float32), (1, .bfloat16)] {
      let layer = try Conv2d(24, 40, kernel: kernel, generator: generator)
      let used = try layer.compiled(for: precision)
      // More shapes than are kept, forwards and backwards.
      for x in images + images.reversed() {
        #expect(try used(x).isEqual(to: layer.compiled(for: precision)(x)), "\(x.shape)")
      }
    }
  }

  @Test func anEmptyBatchGivesAnEmptyResult() throws {
    let layer = try Conv2d(4, 6, kernel: 3, stride: 2, generator: generator).compiled(for: .float32)
    #expect(try layer(.zeros([0, 4, 9, 7])).shape == [0, 6, 4, 3])
  }

  @Test func shapesThatDoNotFitAreThrown() throws {
    let layer = try Conv2d(4, 6, kernel: 3, generator: generator).compiled(for: .float32)
    let x = try normal([1, 4, 5, 5])
    for wrong in [[1, 5, 5, 5], [1, 4, 2, 5], [4, 5, 5], [1, 4, 5]] {
      #expect(throws: TorchError.self, "\(wrong)") { try layer(normal(wrong)) }
    }
    for wrong in [[1, 6, 3, 2], [1, 6, 3, 3, 1], [6]] {
      #expect(throws: TorchError.self, "\(wrong)") { try layer.adding(x, to: normal(wrong)) }
      #expect(throws: TorchError.self, "\(wrong)") { try layer.adding(x, into: normal(wrong)) }
    }
    for (weight, bias, stride, groups) in [
      ([6, 4], 6, 1, 1), ([6, 4, 3, 3], 5, 1, 1), ([6, 4, 3, 3], 6, 0, 1), ([6, 4, 3, 3], 6, 1, 4),
    ] {
      #expect(throws: TorchError.self, "\(weight), \(bias), \(stride), \(groups)") {
        try PreparedConvolution(
          normal(weight), bias: normal([bias]), stride: stride, padding: 0, groups: groups, activation: .none)
      }
    }
  }
}

/// What `scripts/bootstrap` fetches.
@Suite struct BootstrapTests {
  #if os(Linux) && arch(x86_64)
    @Test(.enabled(if: ProcessInfo.processInfo.environment["LIBTORCH"] == nil))
    func theLibraryOfPreparedConvolutionsLoads() { #expect(Machine.hasPreparedConvolutions) }
  #endif
}
