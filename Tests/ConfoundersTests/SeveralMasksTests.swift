import Testing
import TestSupport
import Torch

@testable import Confounders

@Suite("Interventions on several masks")
struct SeveralMasksTests {
  @Test("A mechanism changes each mask as it changes a single one")
  func masks() throws {
    let prompts = try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
    let interventions = Interventions(prompts)
    let images = try Tensor.seeded([2, 3, 32, 32], 1).sigmoid()
    let first = try Tensor.seeded([2, 1, 32, 32], 2).greater(than: 0).to(.float32)
    let second = try Tensor.seeded([2, 1, 32, 32], 3).greater(than: 1).to(.float32)
    for confounder in interventions.available where interventions.changesMask(confounder) {
      func done(_ masks: Tensor) throws -> Tensor {
        try interventions.doing(
          confounder, strength: 0.8, images: images, masks: masks, generator: Generator(seed: 4)
        ).masks
      }
      let both = try done(.concatenated([first, second], dim: 1))
      let name = interventions.names[confounder]
      #expect(try both.isEqual(to: .concatenated([done(first), done(second)], dim: 1)), "\(name)")
    }
  }
}
