import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// The convolutional stem of the vision transformer.
@Suite struct StemTests {
  private func geometry(_ stem: [Int]?, patch: Int = 8) -> CLIPConfiguration.Vision {
    var geometry = CLIPConfiguration.Vision()
    (geometry.hiddenSize, geometry.intermediateSize, geometry.layers, geometry.heads) = (16, 32, 2, 2)
    (geometry.imageSize, geometry.patchSize, geometry.stemChannels) = (32, patch, stem)
    return geometry
  }

  private func tower(_ stem: [Int]?, patch: Int = 8, seed: UInt64 = 1) throws -> VisionTransformer {
    try VisionTransformer(geometry(stem, patch: patch), projectionSize: 6, generator: Generator(seed: seed))
  }

  @Test func keysStandUnderTheStem() throws {
    let keys = try tower([4, 6, 8]).state().mapValues(\.shape).filter { $0.key.contains("embeddings.") }
    let prefix = "vision_model.embeddings."
    #expect(
      keys == [
        prefix + "class_embedding": [16], prefix + "position_embedding.weight": [17, 16],
        prefix + "stem.0.convolution.weight": [4, 3, 3, 3], prefix + "stem.0.norm.weight": [4],
        prefix + "stem.0.norm.bias": [4], prefix + "stem.1.convolution.weight": [6, 4, 3, 3],
        prefix + "stem.1.norm.weight": [6], prefix + "stem.1.norm.bias": [6],
        prefix + "stem.2.convolution.weight": [8, 6, 3, 3], prefix + "stem.2.norm.weight": [8],
        prefix + "stem.2.norm.bias": [8], prefix + "stem.projection.weight": [16, 8, 1, 1],
      ])
    #expect(
      try tower(nil).state()[prefix + "patch_embedding.weight"]?.shape == [16, 3, 8, 8])
    #expect(
      try tower([4, 6]).state()[prefix + "stem.projection.weight"]?.shape == [16, 6, 2, 2])
  }

  @Test func imagesOfABatchDoNotMeet() throws {
    let tower = try tower([4, 6, 8])
    let pixels = try uniform("pixels", [3, 3, 32, 32], scale: 2)
    try withoutGradients {
      let together = try tower(pixels, dense: .maskclip)
      for index in 0..<3 {
        let alone = try tower(pixels.narrowed(dim: 0, start: index, length: 1), dense: .maskclip)
        let same = try together.dense.narrowed(dim: 0, start: index, length: 1)
        #expect(try difference(alone.dense, same) < 1e-5)
      }
    }
  }

  @Test func otherSizesInterpolateThePositionsAndLoseTheRemainder() throws {
    for stem in [nil, [4, 6, 8], [4]] as [[Int]?] {
      let tower = try tower(stem)
      try withoutGradients {
        let pixels = try uniform("wide", [1, 3, 41, 63], scale: 2)
        let features = try tower(pixels, dense: .maskclip, hidden: [2])
        #expect(features.dense.shape == [1, 5, 7, 6] && features.layers[0].shape == [1, 5, 7, 16])
        let whole = try pixels.narrowed(dim: 2, start: 0, length: 40).narrowed(dim: 3, start: 0, length: 56)
        #expect(try difference(tower(whole, dense: .maskclip).dense, features.dense) < 1e-6)
        #expect(try features.dense.isFinite())
      }
    }
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    let tower = try tower([4, 6, 8])
    let pixels = try uniform("pixels", [2, 3, 32, 32], scale: 2)
    let weight = try uniform("direction", [2, 4, 4, 6])
    func loss() throws -> Tensor { try (tower(pixels, dense: .tokens).dense * weight).sum() }
    try tower.requireGradients(true)
    try loss().backward()
    for parameter in tower.parameters() where parameter.key.contains("stem") {
      let gradient = try #require(try parameter.tensor.gradient()).copy()
      let direction = try uniform(parameter.key, parameter.tensor.shape)
      let predicted: Double = try (gradient * direction).sum().item()
      let step = 2e-3
      func moved(_ amount: Double) throws -> Double {
        try withoutGradients {
          let before = try parameter.tensor.detached().copy()
          try parameter.tensor.assign(before + direction * amount)
          let value: Double = try loss().to(.float64).item()
          try parameter.tensor.assign(before)
          return value
        }
      }
      let measured = try (moved(step) - moved(-step)) / (2 * step)
      #expect(abs(measured - predicted) < 0.02 * max(1, abs(predicted)), "\(parameter.key)")
    }
  }

  @Test func aFewStepsLearnToTellImagesApart() throws {
    let tower = try tower([4, 6, 8])
    let pixels = try uniform("pixels", [6, 3, 32, 32], scale: 2)
    let classes = try Tensor([0, 1, 2, 3, 4, 5], shape: [6])
    let optimizer = try AdamW(groups: [
      ParameterGroup(name: "all", parameters: tower.parameters(), learningRate: 0.003, weightDecay: 0)
    ])
    var losses: [Double] = []
    for _ in 0..<30 {
      try optimizer.clearGradients()
      let loss = try tower(pixels, dense: nil).image.crossEntropy(classes: classes)
      losses.append(try loss.item())
      try loss.backward()
      try optimizer.step()
    }
    #expect(losses[29] < 0.3 * losses[0], "\(losses)")
  }

  @Test func namesTheFaultOfAStem() throws {
    for (vision, part) in [
      (#""patch_size": 4, "stem_channels": [8, 8, 8]"#, "multiple of 2^3; it is 4"),
      (#""patch_size": 12, "stem_channels": [8, 8, 8]"#, "multiple of 2^3; it is 12"),
      (#""patch_size": 8, "stem_channels": []"#, "one or more numbers"),
      (#""patch_size": 8, "stem_channels": [8, 0, 8]"#, "at least 1"),
      (#""patch_size": 8, "stem_channels": "wide""#, "stem_channels"),
      (#""resnet_layers": [1, 1, 1, 1], "stem_channels": [8]"#, "resnet_layers"),
    ] {
      try withTemporaryFolder { folder in
        let file = folder.appendingPathComponent("config.json")
        try Data("{\"vision_config\": {\(vision)}, \"text_config\": {}}".utf8).write(to: file)
        let text = message { _ = try CLIPModel.load("random:\(file.path)") }
        #expect(text.contains(file.path) && text.contains(part), "\(text)")
      }
    }
    #expect(message { _ = try tower([4, 4, 4], patch: 4) }.contains("patches of 4"))
  }
}
