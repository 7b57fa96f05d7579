import TestSupport
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
    configuration.method = .mcdrl.changing(MCDRL.self) {
      $0.intervention?.depth = 1
      $0.intervention?.outputScale = 1
      $0.intervention?.adjustment = adjustment
    }
    configuration.head.detailWidths = []
    configuration.head.gridWidth = 6
    let model = try SegmentationModel(
      configuration, text: someText(width: 16), towerWidths: [], gridStride: 8, seed: 3)
    model.train(false)
    try model.dictionary.setPrior(Tensor(prior))
    let encoded = EncodedImages(
      dense: try .seeded([2, 4, 4, 16], 1), image: try .seeded([2, 16], 2), layers: [])
    return (model, encoded, try .seeded([2, 3, 32, 32], 4))
  }

  /// Inference over some entries, or with some adjustment.
  private func pass(_ entries: ConfounderEntries? = nil, _ adjustment: Adjustment? = nil) -> ForwardPass {
    var pass = ForwardPass()
    (pass.entries, pass.adjustment) = (entries, adjustment)
    return pass
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
      let one = try ConfounderEntries(embeddings: all.narrowed(dim: 0, start: index, length: 1))
      wanted =
        try wanted + model(images: images, encoded: encoded, pass(one)).logits.sigmoid() * Double(weight)
    }
    let entries = try model.dictionary.entries
    let found = try entries.expectation {
      try model(images: images, encoded: encoded, pass($0)).logits.sigmoid()
    }
    #expect(try difference(found, wanted) < 1e-6)
    #expect(try model.dictionary.embeddings.size(0) == 4)
    // Of features, under the exact sum, it is what the model itself computes.
    func intervened(_ pass: ForwardPass) throws -> Tensor {
      try #require(try model.method.represent(encoded, pass).intervened)
    }
    let features = try entries.expectation { try intervened(pass($0)) }
    #expect(try difference(features, intervened(pass(nil, .exact))) < 1e-5)
    #expect(try intervened(ForwardPass()).isEqual(to: intervened(pass(nil, adjustment))))
    // The head is not linear: the mean of the predictions is not the prediction of the mean.
    let one = try model(images: images, encoded: encoded, pass(nil, .exact)).logits.sigmoid()
    #expect(try difference(one, found) > 1e-5)
  }

  @Test("Another dictionary or sum holds for one pass alone, also for one that throws")
  func alone() throws {
    let (model, encoded, _) = try model(.attention, prior: [0.1, 0.2, 0.3, 0.4])
    func represent(_ pass: ForwardPass = ForwardPass()) throws -> Representation {
      try model.method.represent(encoded, pass)
    }
    let before = try #require(try represent().intervened)
    let smaller = try model.dictionary.entries.removing(2)
    #expect(try difference(smaller.prior, Tensor([Float(1) / 7, 2.0 / 7, 4.0 / 7])) < 1e-6)
    #expect(try smaller.embeddings.size(0) == 3)
    #expect(try represent(pass(smaller, .prior)).attention?.size(-1) == 3)
    let narrow = try ConfounderEntries(embeddings: .seeded([3, 5], 1))
    #expect(throws: TorchError.self) { try represent(pass(narrow, .exact)) }
    #expect(try difference(#require(try represent().intervened), before) == 0)
    #expect(throws: TorchError.self) { try model.dictionary.entries.keeping([]) }
  }
}
