import Testing

@testable import Torch

/// Weights that were laid out for inference against the layers they come from.
@Suite struct PackedLayerTests {
  private let generator: Generator

  init() throws { generator = try Generator(seed: 3) }

  private func normal(_ shape: [Int]) throws -> Tensor { try .randomNormal(shape, generator: generator) }

  /// ‖found − wanted‖ / ‖wanted‖.
  private func distance(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    let all = Array(0..<wanted.shape.count)
    let difference = try (found.to(.float32) - wanted).norm(dims: all).item()
    return try difference / wanted.norm(dims: all).item()
  }

  /// How far rounding may lead: 2⁻²⁴, 2⁻⁹ and 1/254 of the range of a row, with room.
  private func tolerance(_ precision: Precision) -> Double {
    switch precision {
    case .float32: 1e-5
    case .bfloat16: 1e-2
    case .int8: 3e-2
    }
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 })
  func linearLayersKeepTheirOutputs(_ precision: Precision) throws {
    for hasBias in [true, false] {
      let layer = try Linear(48, 40, bias: hasBias, generator: generator)
      // Rows of very different sizes, which one common scale would flatten.
      let x =
        try normal([2, 7, 48]) * Tensor([Float](arrayLiteral: 0.01, 1, 100, 1, 1, 1, 1), shape: [7, 1])
      let residual = try normal([2, 7, 40])
      let wanted = try layer(x)
      layer.train(false)
      try layer.prepare(for: precision)
      let found = try layer(x)
      #expect(found.dtype == precision.activationType)
      for row in 0..<7 {
        let pair = try [found, wanted].map { try $0.narrowed(dim: 1, start: row, length: 1) }
        #expect(try distance(pair[0], pair[1]) < tolerance(precision), "row \(row)")
      }
      #expect(try distance(layer.adding(x, to: residual), wanted + residual) < tolerance(precision))
    }
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 })
  func activationsFollowTheProduct(_ precision: Precision) throws {
    let layer = try Linear(48, 40, generator: generator)
    let x = try normal([5, 48])
    for (activation, wanted) in [
      (PackedLinear.Activation.gelu, try layer(x).gelu()), (.silu, try layer(x).silu()),
    ] {
      let packed = try PackedLinear(
        layer.weight, bias: layer.bias, precision: precision, activation: activation)
      #expect(try distance(packed(x), wanted) < tolerance(precision), "\(activation)")
    }
  }

  @Test(.enabled(if: Machine.hasInt8)) func rowsOfZerosGiveTheBias() throws {
    let layer = try Linear(16, 8, generator: generator)
    let packed = try PackedLinear(layer.weight, bias: layer.bias, precision: .int8)
    let found = try packed(.zeros([1, 16])).to(.float32)
    #expect(try found.isFinite())
    #expect(try distance(found, #require(layer.bias).expandedDimension(0)) < 1e-2)
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 })
  func convolutionsKeepTheirOutputsWithWhatIsFoldedIn(_ precision: Precision) throws {
    let layer = try Conv2d(6, 8, kernel: 3, stride: 2, padding: 1, bias: false, generator: generator)
    let (x, scale, shift) = (try normal([2, 6, 9, 11]), try normal([8]), try normal([8]))
    func wide(_ values: Tensor) throws -> Tensor { try values.reshaped([1, 8, 1, 1]) }
    let wanted = try layer(x) * wide(scale) + wide(shift)
    let residual = try normal(wanted.shape)
    let kinds: [(PackedConvolution.Activation, (Tensor) throws -> Tensor)] = [
      (.none, { $0 }), (.relu, { try $0.relu() }), (.leakyRelu, { try $0.leakyRelu() }),
    ]
    for (activation, done) in kinds {
      let packed = try layer.packed(for: precision, scale: scale, shift: shift, activation: activation)
      #expect(try distance(packed(x), done(wanted)) < tolerance(precision))
      #expect(try distance(packed.adding(x, to: residual), done(wanted + residual)) < tolerance(precision))
    }
    layer.train(false)
    let plain = try layer(x)
    try layer.prepare(for: precision)
    #expect(try distance(layer(x), plain) < tolerance(precision))
  }

  @Test(arguments: Precision.trainable)
  func convolutionsTakeInputsOfManyShapesFromManyThreads(_ precision: Precision) throws {
    let layer = try Conv2d(5, 8, kernel: 3, padding: 1, generator: generator)
    let inputs = try (0..<24).map { try normal([1 + $0 % 3, 5, 6 + $0 % 4, 9]) }
    let wanted = try inputs.map { try layer($0) }
    let packed = try layer.packed(for: precision)
    let distances = try concurrentMap(count: inputs.count, threads: 4) { [self] index in
      try distance(packed(inputs[index]), wanted[index])
    }
    #expect(distances.allSatisfy { $0 < tolerance(precision) })
  }

  @Test func trainingGoesOnWithTheWeightsThemselves() throws {
    let layer = try Linear(8, 4, generator: generator)
    try layer.prepare(for: .bfloat16)
    layer.train()
    try layer.requireGradients(true)
    let loss = try layer(normal([3, 8])).sum()
    #expect(loss.dtype == .float32)
    try loss.backward()
    #expect(try layer.weight.gradient() != nil)
  }
}
