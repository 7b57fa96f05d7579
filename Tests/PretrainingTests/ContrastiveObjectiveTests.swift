import Foundation
import Testing
import Torch

@testable import Pretraining

@Suite("Contrastive objective")
struct ContrastiveObjectiveTests {
  @Test("With one true caption each the loss is CLIP's: the mean of two cross-entropies")
  func one() throws {
    let logits = try Tensor([Float(2), 0, 1, 3], shape: [2, 2])
    let truth = try Tensor([Float(1), 0, 0, 1], shape: [2, 2])
    func entropy(_ right: Double, _ wrong: Double) -> Double { log(exp(right) + exp(wrong)) - right }
    let rows = (entropy(2, 0) + entropy(3, 1)) / 2
    let columns = (entropy(2, 1) + entropy(3, 0)) / 2
    let loss = try ContrastiveObjective.symmetric(logits: logits, truth: truth).item()
    #expect(abs(loss - (rows + columns) / 2) < 1e-6)
  }

  @Test("Several true captions share the target; captions true of nothing count only as wrong answers")
  func several() throws {
    // One picture; captions 0 and 1 are true of it, caption 2 is not.
    let logits = try Tensor([Float(1), 2, 0], shape: [1, 3])
    let truth = try Tensor([Float(1), 1, 0], shape: [1, 3])
    let total = log(exp(1.0) + exp(2.0) + 1)
    let rows = ((total - 1) + (total - 2)) / 2
    // With one picture every column has one answer.
    let loss = try ContrastiveObjective.symmetric(logits: logits, truth: truth).item()
    #expect(abs(loss - rows / 2) < 1e-6)
  }

  @Test("Pooling takes the mean of the best positions, and all when fewer are there")
  func pooled() throws {
    let dense = try Tensor([Float(1), 0, 0, 1, 0.6, 0.8], shape: [1, 3, 2])
    let texts = try Tensor([Float(1), 0], shape: [1, 2])
    #expect(abs(try ContrastiveObjective.pooled(dense: dense, texts: texts, best: 2).item() - 0.8) < 1e-6)
    let all = try ContrastiveObjective.pooled(dense: dense, texts: texts, best: 9).item()
    #expect(abs(all - 1.6 / 3) < 1e-6)
  }
}
