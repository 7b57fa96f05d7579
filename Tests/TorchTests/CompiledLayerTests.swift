import Foundation
import Testing

@testable import Torch

/// Compiled layers against the layers they come from.
@Suite struct CompiledLayerTests {
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
      let compiled = try layer.compiled(for: precision)
      let found = try compiled(x)
      #expect(found.dtype == precision.activationType)
      for row in 0..<7 {
        let pair = try [found, wanted].map { try $0.narrowed(dim: 1, start: row, length: 1) }
        #expect(try distance(pair[0], pair[1]) < tolerance(precision), "row \(row)")
      }
      #expect(try distance(compiled.adding(x, to: residual), wanted + residual) < tolerance(precision))
      #expect(try layer.adding(x, to: residual).isEqual(to: residual + wanted))
    }
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 })
  func activationsFollowTheProduct(_ precision: Precision) throws {
    let layer = try Linear(48, 40, generator: generator)
    let x = try normal([5, 48])
    for (activation, wanted) in [
      (CompiledLinear.Activation.gelu, try layer(x).gelu()), (.tanhGelu, try layer(x).tanhGelu()),
      (.silu, try layer(x).silu()),
    ] {
      let compiled = try layer.compiled(for: precision, activation: activation)
      #expect(try distance(compiled(x), wanted) < tolerance(precision), "\(activation)")
    }
  }

  @Test func theTanhFormOfGELUHasItsValuesAndGradients() throws {
    // 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), by PyTorch.
    let x = try Tensor([0, 1, -1, 3] as [Float], shape: [4]).requireGradient()
    let y = try x.tanhGelu()
    for (found, wanted) in zip(try y.floats(), [0, 0.841192, -0.158808, 2.996363]) {
      #expect(abs(Double(found) - wanted) < 1e-5)
    }
    try y.sum().backward()
    let gradient = try #require(try x.gradient()).floats()
    for (found, wanted) in zip(gradient, [0.5, 1.082964, -0.082964, 1.011584]) {
      #expect(abs(Double(found) - wanted) < 1e-5)
    }
  }

  @Test(.enabled(if: Machine.hasInt8)) func rowsOfZerosGiveTheBias() throws {
    let layer = try Linear(16, 8, generator: generator)
    let found = try layer.compiled(for: .int8)(.zeros([1, 16])).to(.float32)
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
    let kinds: [(CompiledConvolution.Activation, (Tensor) throws -> Tensor)] = [
      (.none, { $0 }), (.relu, { try $0.relu() }), (.leakyRelu, { try $0.leakyRelu() }),
    ]
    for (activation, done) in kinds {
      let compiled = try layer.compiled(for: precision, scale: scale, shift: shift, activation: activation)
      #expect(try distance(compiled(x), done(wanted)) < tolerance(precision))
      #expect(try distance(compiled.adding(x, to: residual), done(wanted + residual)) < tolerance(precision))
    }
    #expect(try distance(layer.compiled(for: precision)(x), layer(x)) < tolerance(precision))
  }

  @Test(arguments: Precision.trainable)
  func aBatchNormalisationIsFoldedByItsRunningStatistics(_ precision: Precision) throws {
    let layer = try Conv2d(6, 8, kernel: 3, bias: true, generator: generator)
    let norm = try BatchNorm2d(8)
    (norm.weight, norm.bias, norm.mean) = (try normal([8]), try normal([8]), try normal([8]))
    norm.variance = try normal([8]).magnitude() + 0.5
    for module in [layer, norm] as [Module] { try module.requireGradients(true) }
    let x = try normal([2, 6, 9, 11])
    let compiled = try norm.folded(layer, for: precision, activation: .relu)
    #expect(try !compiled(x).requiresGradient)
    norm.train(false)
    let wanted = try withoutGradients { try norm(layer(x)).relu() }
    #expect(try distance(compiled(x), wanted) < tolerance(precision))
  }

  @Test func normalisationsAreCompiledBitForBit() throws {
    let (norm, group) = (try LayerNorm(8), try GroupNorm(groups: 2, channels: 8))
    (norm.weight, norm.bias) = (try normal([8]), try normal([8]))
    (group.weight, group.bias) = (try normal([8]), try normal([8]))
    for type in [DType.float32, .bfloat16] {
      let (x, y) = (try normal([3, 8]).to(type), try normal([3, 8, 5]).to(type))
      #expect(try norm.compiled()(x).isEqual(to: norm(x)))
      #expect(try group.compiled()(y).isEqual(to: group(y)))
    }
  }

  @Test(arguments: Precision.trainable)
  func convolutionsTakeInputsOfManyShapesFromManyThreads(_ precision: Precision) throws {
    let layer = try Conv2d(5, 8, kernel: 3, padding: 1, generator: generator)
    let inputs = try (0..<24).map { try normal([1 + $0 % 3, 5, 6 + $0 % 4, 9]) }
    let wanted = try inputs.map { try layer($0) }
    let compiled = try layer.compiled(for: precision)
    let distances = try concurrentMap(count: inputs.count, threads: 4) { [self] index in
      try distance(compiled(inputs[index]), wanted[index])
    }
    #expect(distances.allSatisfy { $0 < tolerance(precision) })
  }

  @Test func laterChangesOfTheWeightsDoNotReachACompiledLayer() throws {
    let (linear, convolution) = (
      try Linear(5, 5, generator: generator), try Conv2d(2, 3, kernel: 1, generator: generator)
    )
    let (norm, group) = (try LayerNorm(5), try GroupNorm(groups: 1, channels: 2))
    let x = try normal([1, 2, 5, 5])
    let layers: [any Layer] = [
      try linear.compiled(for: .float32), try convolution.compiled(for: .float32), try norm.compiled(),
      try group.compiled(),
    ]
    let before = try layers.map { try $0(x).floats() }
    for module in [linear, convolution, norm, group] as [Module] {
      for parameter in module.parameters() { try parameter.tensor.fill(9) }
    }
    #expect(try layers.map { try $0(x).floats() } == before)
  }

  @Test func aModuleTrainsOnAfterItWasCompiled() throws {
    let layer = try Linear(8, 4, generator: generator)
    try layer.requireGradients(true)
    let compiled = try layer.compiled(for: .bfloat16)
    let x = try normal([3, 8])
    #expect(try !compiled(x).requiresGradient)
    let loss = try layer(x).sum()
    #expect(loss.dtype == .float32)
    try loss.backward()
    #expect(try layer.weight.gradient() != nil)
  }

  @Test func aFilesTensorsStayUsableWhenTheirPagesAreReleased() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    // The weight is large enough for a mapping of its own.
    let (source, layer) = (
      try Linear(300, 200, generator: generator), try Linear(300, 200, generator: generator)
    )
    try SafetensorsFile.write(source.state(), to: url)
    try layer.adopt(SafetensorsFile(url).tensors(), from: url.path)
    let x = try normal([2, 300])
    let wanted = try source(x).floats()
    let compiled = try layer.compiled(for: .float32)
    let found = try compiled(x).floats()
    layer.releasePages()
    #expect(try layer(x).floats() == wanted)
    #expect(try compiled(x).floats() == found)
    #expect(try layer.compiled(for: .float32)(x).floats() == found)
  }

  @Test func aCompiledLayerNeedsTheFileNoMore() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    let layer = try Linear(300, 200, generator: generator)
    try SafetensorsFile.write(layer.state(), to: url)
    try layer.adopt(SafetensorsFile(url).tensors(), from: url.path)
    let compiled = try layer.compiled(for: .float32)
    let x = try normal([2, 300])
    let wanted = try compiled(x).floats()
    layer.releasePages()
    // In place: a view of the file would be damaged, or end the process.
    try FileHandle(forWritingTo: url).truncate(atOffset: 0)
    #expect(try compiled(x).floats() == wanted)
  }
}
