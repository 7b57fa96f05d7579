import Foundation
import Testing
import Torch

@testable import CLIP

/// Against transformers; Fixtures/make_fixtures.py made the expectations.
@Suite struct ParityTests {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")
  private let folder = fixtures.appendingPathComponent("tiny-clip")
  private let expected: [String: Tensor]
  private let model: CLIPModel

  init() throws {
    expected = try SafetensorsFile(Self.fixtures.appendingPathComponent("expected.safetensors")).tensors()
    model = try CLIPModel.load(folder.path)
  }

  private func difference(_ found: Tensor, _ key: String) throws -> Double {
    let wanted = try #require(expected[key])
    #expect(found.shape == wanted.shape, "\(key)")
    return try (found - wanted).magnitude().flattened().max([0]).item()
  }

  @Test func textFeaturesEqualTransformers() throws {
    let texts = ["A polyp in an endoscopic image", "an endoscopy image with mucus", "", "blood"]
    #expect(try difference(inferenceMode { try model.textFeatures(texts) }, "text_features") < 1e-4)
  }

  @Test(arguments: [32, 48])
  func imageFeaturesEqualTransformersAtTrainedAndInterpolatedSizes(size: Int) throws {
    let pixels = try #require(expected["pixels\(size)"])
    let features = try inferenceMode { try model.vision(pixels, dense: .tokens, hidden: [1]) }
    #expect(try difference(features.image, "image\(size)") < 1e-4)
    #expect(try difference(features.layers[0], "layer1_\(size)") < 1e-4)
  }

  @Test(arguments: [32, 48], DenseFeatures.allCases)
  func denseFeaturesEqualAnIndependentRendering(size: Int, dense: DenseFeatures) throws {
    let pixels = try #require(expected["pixels\(size)"])
    let features = try inferenceMode { try model.vision(pixels, dense: dense) }
    #expect(try difference(features.dense, "\(dense.rawValue)\(size)") < 1e-4)
  }

  @Test(arguments: 0..<3)
  func preparedPixelsEqualTransformers(index: Int) throws {
    let photo = try #require(expected["photo\(index)"])
    let found = try model.preparation(photo)
    // One step of 1/255, divided by the smallest deviation.
    #expect(try difference(found, "prepared\(index)") <= 1 / 255 / 0.26130258 + 1e-6)
  }
}
