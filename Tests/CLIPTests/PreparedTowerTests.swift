import Foundation
import Testing
import Torch

@testable import CLIP

/// Towers whose weights were laid out for inference against the same towers before.
@Suite struct PreparedTowerTests {
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

  /// Image embedding, dense features and two layers of two images, the second side `wide` times the first.
  private func outputs(_ tower: ImageTower, _ dense: DenseFeatures, wide: Int) throws -> [Tensor] {
    let side = tower.configuration.imageSize
    let pixels = try uniform("pixels", [2, 3, side, wide * side])
    let found = try inferenceMode { try tower(pixels, dense: dense, hidden: [1, 3]) }
    return [found.image, found.dense] + found.layers
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 }, DenseFeatures.allCases)
  func outputsStayNear(_ precision: Precision, _ dense: DenseFeatures) throws {
    for tower in try towers() {
      try settle(tower)
      tower.train(false)
      let before = try outputs(tower, dense, wide: 2)
      try tower.prepare(for: precision)
      let after = try outputs(tower, dense, wide: 2)
      let tolerance = precision == .float32 ? 1e-4 : precision == .bfloat16 ? 0.03 : 0.08
      for (index, (wanted, found)) in zip(before, after).enumerated() {
        #expect(found.dtype == .float32 && found.shape == wanted.shape)
        let all = Array(0..<wanted.shape.count)
        let distance = try (found - wanted).norm(dims: all).item() / wanted.norm(dims: all).item()
        #expect(distance < tolerance, "\(type(of: tower)) output \(index): \(distance)")
      }
    }
  }

  @Test(arguments: Precision.allCases.filter { $0 != .int8 || Machine.hasInt8 }, DenseFeatures.allCases)
  func withoutWeightsOutputsAreTheSame(_ precision: Precision, _ dense: DenseFeatures) throws {
    for tower in try towers() {
      try settle(tower)
      tower.train(false)
      try tower.prepare(for: precision)
      let before = try outputs(tower, dense, wide: 1)
      try tower.prepare(for: precision, keepingWeights: false)
      let left = tower.parameters().filter { $0.tensor.device == .cpu }
      #expect(
        left.allSatisfy { $0.tensor.rank < 2 || $0.key.contains("position") || $0.key.contains("embed") })
      #expect(left.count < tower.parameters().count)
      for (wanted, found) in zip(before, try outputs(tower, dense, wide: 1)) {
        #expect(try wanted.floats() == found.floats())
      }
    }
  }

  @Test func aPreparedTowerStillTrains() throws {
    for tower in try towers() {
      try tower.prepare(for: .bfloat16)
      tower.train()
      try tower.requireGradients(true)
      let side = tower.configuration.imageSize
      try tower(uniform("pixels", [2, 3, side, side]), dense: nil).image.sum().backward()
      #expect(try tower.parameters(ofLast: 1).contains { try $0.tensor.gradient() != nil })
    }
  }
}
