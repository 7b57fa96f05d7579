import Foundation
import Testing
import Torch

@testable import Reviewing

@Suite("The queue of a review")
struct ReviewScoresTests {
  @Test("How unsure a model is follows from the pixels near its border alone")
  func unsure() throws {
    // A border between columns 9 and 10: columns 7 to 12 are near it.
    func map(_ near: Float, _ far: Float) throws -> (Tensor, Tensor) {
      let values = (0..<20 * 20).map { place -> Float in
        let column = place % 20
        let p = (7...12).contains(column) ? near : far
        return column < 10 ? p : 1 - p
      }
      let probability = try Tensor(values, shape: [1, 20, 20])
      return (probability, try probability.atLeast(0.5))
    }
    for (near, far, wanted) in [(Float(1), Float(0.6), 0.0), (0.6, 1, 0.96), (0.75, 1, 0.75)] {
      let (probability, mask) = try map(near, far)
      #expect(abs(try ReviewScores.unsure(probability, mask: mask) - wanted) < 1e-5, "\(near)")
    }
    // Without a border the highest probability counts: 4 · 0.25 · 0.75.
    let low = try Tensor.full([1, 20, 20], 0.25)
    #expect(abs(try ReviewScores.unsure(low, mask: low.atLeast(0.5)) - 0.75) < 1e-5)
  }

  @Test("A limit takes the least sure items, and controls are drawn from the surer half by name and seed")
  func selection() {
    let rows = (0..<100).map { index in
      ReviewQueue.Row(
        id: "i\(index)", file: "", image: "", thumbnail: nil, site: nil, group: nil, width: 1, height: 1,
        unsure: Double(index) / 100, movement: nil, area: 0, presence: nil, video: nil, frame: nil, time: nil,
        lesionClass: nil)
    }
    let chosen = ReviewSelection.choose(rows, limit: 20, controls: 0.2, seed: 1)
    #expect(chosen.count == 20 && chosen.count(where: \.isControl) == 4)
    #expect(chosen.filter { !$0.isControl }.map(\.id) == (84..<100).map { "i\($0)" })
    #expect(chosen.filter(\.isControl).allSatisfy { ($0.unsure ?? 1) < 0.5 })
    #expect(ReviewSelection.choose(rows, limit: 20, controls: 0.2, seed: 1) == chosen)
    #expect(ReviewSelection.choose(rows, limit: 20, controls: 0.2, seed: 2) != chosen)
    let all = ReviewSelection.choose(rows, limit: nil, controls: 0, seed: 1)
    #expect(all == rows)
    #expect(ReviewSelection.choose(Array(rows.prefix(1)), limit: nil, controls: 1, seed: 1).count == 1)
  }

  @Test("A mask keeps every pixel through run lengths, and layers are joined")
  func masks() throws {
    for pixels in [ReviewFixture.model, [UInt8](repeating: 0, count: 12), [UInt8](repeating: 1, count: 12)] {
      #expect(try ReviewMask.union([ReviewFixture.mask(pixels)])?.pixels == pixels)
    }
    let other = try ReviewMask(
      layer: "b", mask: Tensor([UInt8](repeating: 0, count: 11) + [1], shape: [3, 4]).to(.bool))
    #expect(
      try ReviewMask.union([ReviewFixture.mask(ReviewFixture.model), other])?.pixels == [
        1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
      ])
  }
}
