import TestSupport
import Testing
import Torch

@testable import Confounders

@Suite("Interventions on a part of a batch")
struct InterventionPartTests {
  @Test("Parts of a batch have the confounders and the images of the whole batch")
  func parts() throws {
    let interventions = Interventions(try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5")))
    let images = try Tensor.randomUniform([7, 3, 32, 32], generator: Generator(seed: 1))
    let masks = try Tensor.randomUniform([7, 1, 32, 32], generator: Generator(seed: 2)).atLeast(0.5)
      .to(.float32)
    let whole = try interventions(images: images, masks: masks, generator: Generator(seed: 3))
    func drawn() throws -> Interventions.Draws {
      try interventions.draws(7, generator: Generator(seed: 3))
    }
    let draws = try drawn()
    #expect(try whole.applied.argmax(dim: 1).array(of: Int.self) == draws.confounders)
    for part in [Array(0..<7), [0, 1, 2], [3, 4, 5, 6], [6], [1, 4], [2, 5]] {
      func rows(_ tensor: Tensor) throws -> Tensor {
        try tensor.indexed(Tensor(part))
      }
      let found = try interventions(drawn(), rows: part, images: rows(images), masks: rows(masks))
      for (own, all) in [(found.images, whole.images), (found.masks, whole.masks)] {
        let most = try zip(own.floats(), rows(all).floats()).map { abs($0 - $1) }.max() ?? 0
        #expect(most < 1e-5, "\(part)")
      }
      #expect(try found.applied.isEqual(to: rows(whole.applied)))
    }
    #expect(throws: TorchError.self) {
      try interventions(draws, rows: [0, 1], images: images, masks: masks)
    }
  }
}
