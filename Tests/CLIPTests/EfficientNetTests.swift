import Foundation
import TestSupport
import Testing
import Torch

@testable import CLIP

/// EfficientNet against timm, with the weights of a formula: Fixtures/make_efficientnet.py.
@Suite("EfficientNet")
struct EfficientNetTests {
  /// The outputs of timm.
  private struct Expected: Decodable {
    struct Stage: Decodable {
      let shape: [Int]
      let mean: Double
      let norm: Double
    }
    let stages: [Stage]
    let image: [Double]
  }

  private static let file = Project.file("Tests/CLIPTests/Fixtures/efficientnet.json")

  private func tower(_ name: String) throws -> ImageTower {
    var vision = CLIPConfiguration.Vision()
    (vision.trunk, vision.imageSize) = (name, 64)
    let tower = try ImageTower.unset(vision, projectionSize: 8)
    for (number, item) in tower.state().sorted(by: { $0.key < $1.key }).enumerated() {
      let (key, shape) = (item.key, item.value.shape)
      let count = shape.reduce(1, *)
      var wave = try (Tensor.arange(to: count).to(.float64) * 0.37 + Double(number)).sin().reshaped(shape)
      if key.hasSuffix("running_var") {
        wave = try wave * wave * 0.5 + 1
      } else if shape.count == 1 {
        wave = try wave * 0.1 + (key.hasSuffix("weight") ? 1 : 0)
      } else {
        wave = try wave * (2 / Double(shape.dropFirst().reduce(1, *))).squareRoot()
      }
      try withoutGradients { try item.value.assign(wave.to(.float32)) }
    }
    tower.train(false)
    return tower
  }

  private var pixels: Tensor {
    get throws {
      try (Tensor.arange(to: 3 * 50 * 44).to(.float64) * 0.01).sin().to(.float32).reshaped([1, 3, 50, 44])
    }
  }

  @Test("All stages and the embedding are those of timm, trained and compiled")
  func parity() throws {
    let all = try JSONDecoder().decode([String: Expected].self, from: Data(contentsOf: Self.file))
    #expect(all.count == 4)
    for (name, wanted) in all {
      let tower = try tower(name)
      for pass in [tower, try tower.compiled(for: .float32)] as [any ImagePass] {
        let found = try inferenceMode { try pass(pixels, dense: .maskclip, hidden: Array(1...7)) }
        #expect(found.layers.map(\.shape) == wanted.stages.map(\.shape), "\(name)")
        for (layer, stage) in zip(found.layers, wanted.stages) {
          let all = Array(0..<4)
          let norm: Double = try layer.norm(dims: all).item()
          let mean: Double = try layer.mean(all).item()
          #expect(abs(norm - stage.norm) < 1e-4 * stage.norm, "\(name): \(norm), not \(stage.norm)")
          #expect(abs(mean - stage.mean) < 1e-4, "\(name): \(mean), not \(stage.mean)")
        }
        let image = try found.image.doubles()
        #expect(zip(image, wanted.image).allSatisfy { abs($0 - $1) < 1e-4 }, "\(name): \(image)")
        // The embedding is the mean of the dense features.
        let dense = try found.dense.mean([1, 2]).doubles()
        #expect(zip(image, dense).allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test("A pass that stops before any stage is resumed to the same outputs")
  func stopped() throws {
    let tower = try tower("tf_efficientnet_lite0")
    try inferenceMode {
      let wanted = try tower(pixels, dense: .maskclip, hidden: [2, 5])
      for depth in 0...7 {
        let trunk = try tower.trunk(pixels, depth: depth, hidden: [2, 5])
        // A cache stores values in the order of their indices.
        for half in [trunk, try trunk.map { try $0.contiguous() }] {
          let found = try tower(half, dense: .maskclip, hidden: [2, 5])
          for (one, other) in zip(
            [found.image, found.dense] + found.layers, [wanted.image, wanted.dense] + wanted.layers)
          {
            #expect(try one.isEqual(to: other), "\(depth)")
          }
        }
      }
    }
  }

  @Test("The last stages and everything after them are tuned; an unknown name is refused with the known ones")
  func tuned() throws {
    let tower = try tower("tf_efficientnet_lite0")
    let keys = tower.parameters(ofLast: 1).map(\.key)
    #expect(
      keys.contains("visual.trunk.blocks.6.0.conv_pw.weight") && keys.contains("visual.head.proj.weight"))
    #expect(
      !keys.contains { $0.hasPrefix("visual.trunk.blocks.5") || $0.hasPrefix("visual.trunk.conv_stem") })
    #expect(tower.hiddenStrides == [2, 4, 8, 16, 16, 32, 32])
    var configuration = CLIPConfiguration()
    configuration.vision.trunk = "efficientnet_lite9"
    #expect(configuration.fault?.wanted.contains("tf_efficientnet_lite0") == true)
  }
}
