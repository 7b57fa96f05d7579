import TestSupport
import Testing
import Torch

@testable import Segmentation

@Suite struct InterventionPairsTests {
  private func pairs(_ intervened: [Int], _ partners: [Int]) throws -> InterventionPairs {
    InterventionPairs(
      intervened: intervened, partners: partners, applied: try .zeros([intervened.count, 2]),
      moved: try .zeros([intervened.count], dtype: .bool))
  }

  @Test func rowsAreThoseOfTheInterventionsAndOfTheirPartnersInTheSameOrder() throws {
    let batch = try Tensor((0..<10).map(Float.init), shape: [5, 2])
    // Rows that follow one another, and rows that do not.
    for (intervened, partners) in [([3, 4], [0, 1]), ([4, 1], [0, 3]), ([2], [2])] {
      let pairs = try pairs(intervened, partners)
      func rows(_ rows: [Int]) -> [Float] { rows.flatMap { [Float(2 * $0), Float(2 * $0 + 1)] } }
      #expect(try pairs.intervened(batch).floats() == rows(intervened))
      #expect(try pairs.observed(batch).floats() == rows(partners))
      #expect(try pairs.observed(batch).shape == [intervened.count, 2])
    }
  }

  @Test func gradientsReachTheRowsThatAreTaken() throws {
    let batch = try Tensor.ones([4, 2]).requireGradient()
    let pairs = try pairs([3, 1], [0, 0])
    try (pairs.intervened(batch).sum() + pairs.observed(batch).sum() * 3).backward()
    #expect(try #require(try batch.gradient()).floats() == [6, 6, 1, 1, 0, 0, 1, 1])
  }

  @Test func aRowThatIsNotThereIsRefused() throws {
    let batch = try Tensor.ones([2, 2])
    #expect(throws: TorchError.self) { try pairs([2], [0]).intervened(batch) }
    #expect(throws: TorchError.self) { try pairs([1, 7], [0, 0]).intervened(batch) }
  }
}
