import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Features against transformers' and open_clip's, on weights by formula.
@Suite struct ModelTests {
  @Test(arguments: ReferenceModel.all)
  func givesTheReferencesFeatures(_ reference: ReferenceModel) throws {
    let stored = try SafetensorsFile(fixture("models.safetensors"))
    func expected(_ key: String) throws -> Tensor? { try stored.tensor("\(reference.name)/\(key)") }
    try reference.withFolder { folder in
      let model = try CLIPModel.load(folder: folder)
      let pixels = try uniform("pixels", [2, 3] + reference.size, scale: 2)
      let isResNet = model.configuration.vision.stages != nil
      try withoutGradients {
        var worst: [String: Double] = [:]
        let ids = try #require(try expected("ids"))
        worst["text"] = try difference(model.textFeatures(ids), #require(try expected("text_features")))
        worst["image"] = try difference(
          model.imageFeatures(pixels), #require(try expected("image_features")))
        for extractor in DenseFeatures.allCases {
          let features = try model.vision(pixels, dense: extractor, hidden: [isResNet ? 2 : 1])
          let key = isResNet ? "maskclip" : extractor.rawValue
          worst[extractor.rawValue] = try difference(
            part(features.dense, reference.step), #require(try expected(key)))
          if let hidden = try expected("hidden") {
            let step = isResNet && reference.step > 1 ? 5 : reference.step
            worst["hidden"] = try difference(part(features.layers[0], step), hidden)
          }
          #expect(try difference(features.image, #require(try expected("image_features"))) < 1e-4)
        }
        #expect(worst.values.allSatisfy { $0 < 1e-4 }, "\(worst)")
      }
    }
  }

  /// Every `step`-th element of all dimensions but the first.
  private func part(_ x: Tensor, _ step: Int) throws -> Tensor {
    try (1...3).reduce(x) { try $0.strided(dim: $1, by: step) }
  }

  @Test func referencesAreAllThere() {
    #expect(
      Set(ReferenceModel.all.map(\.name)) == [
        "tiny", "tiny-other-grid", "gelu", "vit-b-16", "vit-l-14", "open-vit", "open-vit-gelu", "open-resnet",
        "rn50",
      ])
  }
}
