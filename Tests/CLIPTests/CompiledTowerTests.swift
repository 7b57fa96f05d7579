import Foundation
import Testing
import Torch

@testable import CLIP

/// Compiled towers against the towers they come from.
@Suite struct CompiledTowerTests {
  private func towers() throws -> [ImageTower] {
    var small = CLIPConfiguration.Vision()
    (small.hiddenSize, small.intermediateSize, small.layers, small.heads) = (32, 64, 3, 2)
    (small.imageSize, small.patchSize) = (16, 4)
    var exact = small
    exact.activation = "gelu"
    exact.stemChannels = [8]
    var network = CLIPConfiguration.Vision()
    (network.hiddenSize, network.heads, network.imageSize) = (128, 4, 64)
    (network.stages, network.patchSize) = ([1, 1, 1, 1], 32)
    return try [small, exact, network].map {
      try ImageTower.make($0, projectionSize: 16, generator: Generator(seed: 1))
    }
  }

  /// Images that a batch normalisation's first statistics do not fit, as of a trained network.
  private func settle(_ tower: ImageTower) throws {
    for buffer in tower.buffers() where buffer.key.hasSuffix("running_var") { try buffer.tensor.fill(2) }
    for parameter in tower.parameters() where parameter.key.hasSuffix("bn3.weight") {
      try parameter.tensor.fill(0.5)
    }
  }

  /// Two images, the second side `wide` times the first.
  private func pixels(_ tower: ImageTower, wide: Int = 1) throws -> Tensor {
    let side = tower.configuration.imageSize
    return try uniform("pixels", [2, 3, side, wide * side])
  }

  /// Image embedding, dense features and two layers.
  private func outputs(_ tower: any ImagePass, _ dense: DenseFeatures, _ pixels: Tensor) throws -> [Tensor] {
    let found = try inferenceMode { try tower(pixels, dense: dense, hidden: [1, 3]) }
    return [found.image, found.dense] + found.layers
  }

  private func tolerance(_ precision: Precision) -> Double {
    precision == .float32 ? 1e-4 : precision == .bfloat16 ? 0.03 : 0.08
  }

  /// ‖found − wanted‖ / ‖wanted‖.
  private func distance(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    let all = Array(0..<wanted.shape.count)
    return try (found.to(.float32) - wanted).norm(dims: all).item() / wanted.norm(dims: all).item()
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 }, DenseFeatures.allCases)
  func outputsStayNear(_ precision: Precision, _ dense: DenseFeatures) throws {
    for tower in try towers() {
      try settle(tower)
      tower.train(false)
      let pixels = try pixels(tower, wide: 2)
      let before = try outputs(tower, dense, pixels)
      let after = try outputs(tower.compiled(for: precision), dense, pixels)
      for (index, (wanted, found)) in zip(before, after).enumerated() {
        #expect(found.dtype == .float32 && found.shape == wanted.shape)
        let distance = try distance(found, wanted)
        #expect(distance < tolerance(precision), "\(type(of: tower)) output \(index): \(distance)")
      }
    }
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 }, DenseFeatures.allCases)
  func theFirstLayersAloneAreThoseOfTheWhole(_ precision: Precision, _ dense: DenseFeatures) throws {
    for tower in try towers() {
      try settle(tower)
      tower.train(false)
      let pixels = try pixels(tower)
      let whole = try tower.compiled(for: precision)
      let wanted = try outputs(whole, dense, pixels)
      for depth in 0..<tower.hiddenWidths.count {
        // As for the whole: passes that record nothing may take other kernels.
        let (trunk, rest) = try inferenceMode {
          let trunk = try tower.compiled(for: precision, upTo: depth)(pixels, hidden: [1, 3])
          return (trunk, try whole(trunk, dense: dense, hidden: [1, 3]))
        }
        #expect(trunk.input.dtype == precision.activationType && trunk.depth == depth)
        for (one, other) in zip(wanted, [rest.image, rest.dense] + rest.layers) {
          #expect(try one.isEqual(to: other), "\(type(of: tower)) after \(depth)")
        }
      }
      // The rest of the pass by the module itself, as where the last layers are trained.
      let trunk = try tower.compiled(for: precision, upTo: 1)(pixels, hidden: [1, 3])
      let rest = try tower(trunk.map { try $0.to(.float32) }, dense: dense, hidden: [1, 3])
      #expect(try distance(rest.dense, outputs(tower, dense, pixels)[1]) < tolerance(precision))
    }
  }

  @Test(arguments: Precision.trainable)
  func aCompiledTowerDoesNotFollowTrainingWhichGoesOn(_ precision: Precision) throws {
    for tower in try towers() {
      try settle(tower)
      try tower.requireGradients(true)
      let compiled = try tower.compiled(for: precision)
      let trunk = try tower.compiled(for: precision, upTo: 2)
      let pixels = try pixels(tower)
      let (before, input) = (try outputs(compiled, .sclip, pixels), try trunk(pixels).input)
      #expect(!input.requiresGradient)
      tower.train()
      try tower(pixels, dense: nil).image.sum().backward()
      #expect(try tower.parameters(ofLast: 1).contains { try $0.tensor.gradient() != nil })
      try withoutGradients {
        for tensor in tower.state().values { try tensor.fill(0.25) }
      }
      #expect(try zip(before, outputs(compiled, .sclip, pixels)).allSatisfy { try $0.isEqual(to: $1) })
      #expect(try trunk(pixels).input.isEqual(to: input))
    }
  }

  @Test func threadsShareACompiledTower() throws {
    for tower in try towers() {
      try settle(tower)
      let compiled = try tower.compiled(for: .float32)
      let side = tower.configuration.imageSize
      let inputs = try (0..<8).map {
        try uniform("pixels \($0)", [1 + $0 % 3, 3, side, side * (1 + $0 % 2)])
      }
      func image(_ index: Int) throws -> [Float] {
        try Machine.withThreads(1) { try compiled(inputs[index], dense: .maskclip).dense.floats() }
      }
      let wanted = try inputs.indices.map(image)
      let found = try concurrentMap(count: inputs.count, threads: 4) { index in
        try Machine.withThreads(1) { try compiled(inputs[index], dense: .maskclip).dense.floats() }
      }
      #expect(wanted == found)
    }
  }

  @Test func aCopyHasTheSameOutputsAndWeightsOfItsOwn() throws {
    for tower in try towers() {
      try settle(tower)
      tower.train(false)
      let (copy, pixels) = (try tower.copied(), try pixels(tower))
      let wanted = try outputs(tower, .tokens, pixels)
      for parameter in tower.parameters() { try parameter.tensor.fill(0.25) }
      #expect(try zip(wanted, outputs(copy, .tokens, pixels)).allSatisfy { try $0.isEqual(to: $1) })
    }
  }
}
