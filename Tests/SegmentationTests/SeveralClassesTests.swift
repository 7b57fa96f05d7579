import Foundation
import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite("Several classes")
struct SeveralClassesTests {
  @Test("L_seg is the mean of the classes' losses, each by hand")
  func loss() throws {
    // The first class has the probabilities 1/2, 3/4, 1/4, 4/5; the second 1/2 everywhere and no pixel.
    let logits = try Tensor([0, log(3.0), -log(3.0), log(4.0), 0, 0, 0, 0], shape: [1, 2, 2, 2])
    let masks = try Tensor([1, 1, 0, 0, 0, 0, 0, 0] as [Double], shape: [1, 2, 2, 2])
    let plain = try Objective.segmentation(logits: logits, masks: masks, dice: 0)
    let first = (log(2.0) + log(4.0 / 3) + log(4.0 / 3) + log(5.0)) / 4
    #expect(plain.shape == [1])
    #expect(try abs(plain.mean().item() - (first + log(2.0)) / 2) < 1e-12)
    let both = try Objective.segmentation(logits: logits, masks: masks, dice: 0.5)
    // 1 − (2·1.25 + 1)/(2.3 + 2 + 1) and 1 − 1/(2 + 1).
    let dice = ((1 - 3.5 / 5.3) + 2.0 / 3) / 2
    #expect(try abs(both.mean().item() - plain.mean().item() - 0.5 * dice) < 1e-12)
  }

  @Test("Each image and class has the loss that it has alone")
  func alone() throws {
    let logits = try Tensor.seeded([3, 2, 8, 8], 1)
    let masks = try Tensor.seeded([3, 2, 8, 8], 2).greater(than: 0).to(.float32)
    let all = try Objective.segmentation(logits: logits, masks: masks, dice: 1)
    let parts = try (0..<2).map { index in
      try Objective.segmentation(
        logits: logits.narrowed(dim: 1, start: index, length: 1),
        masks: masks.narrowed(dim: 1, start: index, length: 1), dice: 1)
    }
    #expect(all.shape == [3])
    #expect(try difference(all, (parts[0] + parts[1]) / 2) < 1e-6)
  }

  @Test("A model has a logit for each class; with one its weights are those of before")
  func models() throws {
    let text = try someText(width: 16)
    func model(_ method: MethodChoice, _ count: Int?) throws -> SegmentationModel {
      var configuration = ModelConfiguration()
      configuration.method = method
      (configuration.head.detailWidths, configuration.head.gridWidth) = ([4, 8], 6)
      guard let count else {
        return try SegmentationModel(
          configuration, text: text, towerWidths: sixLayerWidths, gridStride: 8, seed: 9)
      }
      return try SegmentationModel(
        configuration, text: text, towerWidths: sixLayerWidths, gridStride: 8, seed: 9, maskCount: count)
    }
    var network = UNet.Options()
    network.widths = [4, 8]
    for method in [MethodChoice.baseline, .mcdrl, MethodChoice(UNet.self, network)] {
      let (plain, one, three) = (try model(method, nil), try model(method, 1), try model(method, 3))
      #expect(plain.state().mapValues(\.shape) == one.state().mapValues(\.shape))
      for (key, tensor) in plain.state() {
        #expect(try one.state()[key].map { try $0.isEqual(to: tensor) } == true, "\(key)")
      }
      let batch = try ModelBatch()
      for (model, count) in [(one, 1), (three, 3)] {
        model.train(false)
        let logits = try model(images: batch.images, encoded: batch.encoded).logits
        #expect(logits.shape == [2, count, 64, 64], "\(method.name)")
      }
    }
  }

  @Test("Methods that read one mask say so, and the others take any number")
  func traits() throws {
    let single = MethodRegistry.builtIn.methods.filter { !$0.traits.segmentsClasses }.map(\.name)
    #expect(Set(single) == ["clipseg", "stylip", "biomedcoop", "medclipseg", "causalclipseg"])
    let text = MethodError.oneClass(method: "clipseg", classes: ["folds", "glottis"]).description
    #expect(text.contains("clipseg") && text.contains("folds, glottis") && text.contains("baseline"))
    // The penalty of IRM has the mean over classes, too.
    let logits = try Tensor.seeded([4, 2, 6, 6], 3)
    let masks = try Tensor.seeded([4, 2, 6, 6], 4).greater(than: 0).to(.float32)
    #expect(try IRM.penalty(logits: logits, masks: masks, sites: [0, 1, 0, 1]).shape.isEmpty)
  }
}
