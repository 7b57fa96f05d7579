import Testing
import Torch

@testable import Confounders
@testable import Segmentation

@Suite("Exact adjustment")
struct ExpectationTests {
  private func model(_ adjustment: Adjustment, prior: [Float]) throws -> (
    SegmentationModel, EncodedImages, Tensor
  ) {
    var configuration = ModelConfiguration()
    configuration.intervention.depth = 1
    configuration.intervention.outputScale = 1
    configuration.intervention.adjustment = adjustment
    configuration.head.detailWidths = []
    configuration.head.gridWidth = 6
    let model = try SegmentationModel(
      configuration, text: someText(width: 16), towerWidths: [], gridStride: 8, seed: 3)
    model.train(false)
    model.dictionary = try ConfounderDictionary(embeddings: model.dictionary.embeddings, prior: Tensor(prior))
    let encoded = EncodedImages(
      dense: try .seeded([2, 4, 4, 16], 1), image: try .seeded([2, 16], 2), layers: [])
    return (model, encoded, try .seeded([2, 3, 32, 32], 4))
  }

  @Test(
    "The expectation is the mean of one pass for each confounder, weighed with P(z)",
    arguments: Adjustment.allCases)
  func mean(_ adjustment: Adjustment) throws {
    let prior: [Float] = [0.1, 0.2, 0.3, 0.4]
    let (model, encoded, images) = try model(adjustment, prior: prior)
    let all = model.text.confounders
    var wanted = try Tensor.zeros([2, 1, 32, 32])
    for (index, weight) in prior.enumerated() {
      model.dictionary = try ConfounderDictionary(embeddings: all.narrowed(dim: 0, start: index, length: 1))
      wanted = try wanted + model(images: images, encoded: encoded).logits.sigmoid() * Double(weight)
    }
    model.dictionary = try ConfounderDictionary(embeddings: all, prior: Tensor(prior))
    let found = try model.expectation { try model(images: images, encoded: encoded).logits.sigmoid() }
    #expect(try difference(found, wanted) < 1e-6)
    #expect(try model.dictionary.embeddings.size(0) == 4)
    // Of features, under the exact sum, it is what the model itself computes.
    let features = try model.expectation { try #require(try model.representation(encoded).intervened) }
    let exact = try model.using(adjustment: .exact) {
      try #require(try model.representation(encoded).intervened)
    }
    #expect(try difference(features, exact) < 1e-5)
    #expect(model.adjustment == adjustment)
    // The head is not linear: the mean of the predictions is not the prediction of the mean.
    let one = try model.using(adjustment: .exact) {
      try model(images: images, encoded: encoded).logits.sigmoid()
    }
    #expect(try difference(one, found) > 1e-5)
  }

  @Test("Another dictionary or sum is used for a while, and put back when the body throws")
  func restored() throws {
    let (model, encoded, _) = try model(.attention, prior: [0.1, 0.2, 0.3, 0.4])
    let before = try #require(try model.representation(encoded).intervened)
    let smaller = try model.dictionary.removing(2)
    #expect(try difference(smaller.prior, Tensor([Float(1) / 7, 2.0 / 7, 4.0 / 7])) < 1e-6)
    #expect(try smaller.embeddings.size(0) == 3)
    let changed = try model.using(smaller, adjustment: .prior) { try model.representation(encoded) }
    #expect(try changed.attention?.size(-1) == 3)
    #expect(throws: TorchError.self) {
      try model.using(smaller, adjustment: .exact) { throw TorchError.value("stop") }
    }
    #expect(try difference(#require(try model.representation(encoded).intervened), before) == 0)
    #expect(throws: TorchError.self) { try model.dictionary.keeping([]) }
  }
}
