import Foundation
import TestSupport
import Testing
import Torch

@testable import Confounders

@Suite("Concept erasure")
struct ConceptErasureTests {
  /// Results of the package of LEACE's authors, made by `Fixtures/make_erasure.py`.
  struct Fixture: Decodable {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
      let name: String
      let features: [[Double]]
      let concepts: [[Double]]
      let asked: [[Double]]
      let erased: [[Double]]
      var testDescription: String { name }
    }
    let cases: [Case]
  }

  static func fixture() throws -> Fixture {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/erasure.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func rows(_ values: [[Double]]) throws -> Tensor {
    try Tensor(values.flatMap { $0 }, shape: [values.count, values[0].count])
  }

  /// The moments of rows that come in batches of some sizes.
  private func moments(_ x: Tensor, _ z: Tensor, batches: [Int]) throws -> ConceptMoments {
    var moments = try ConceptMoments(width: x.size(1), concepts: z.size(1))
    var start = 0
    for count in batches {
      try moments.add(
        x.narrowed(dim: 0, start: start, length: count), z.narrowed(dim: 0, start: start, length: count))
      start += count
    }
    #expect(try start == x.size(0))
    return moments
  }

  @Test(
    "Erased features are those of the authors' package, at once and in batches",
    arguments: try fixture().cases)
  func peer(_ sample: Fixture.Case) throws {
    let (x, z) = (try rows(sample.features), try rows(sample.concepts))
    let count = sample.features.count
    for batches in [[count], [1, count - 18, 17]] {
      let erasure = try ConceptErasure(moments(x, z, batches: batches))
      let erased = try erasure(rows(sample.asked))
      #expect(try (erased - rows(sample.erased)).magnitude().max([0, 1]).item() < 1e-9)
    }
  }

  @Test("Afterwards features and concepts have no covariance, and the mean stays")
  func covariance() throws {
    let sample = try #require(try Self.fixture().cases.first { $0.concepts[0].count == 3 })
    let (x, z) = (try rows(sample.features), try rows(sample.concepts))
    let erasure = try ConceptErasure(moments(x, z, batches: [sample.features.count]))
    func cross(_ x: Tensor) throws -> Double {
      try (x - x.mean([0])).transposed().matmul(z - z.mean([0])).magnitude().max([0, 1]).item()
    }
    let erased = try erasure(x)
    #expect(try cross(x) > 10 && cross(erased) < 1e-9)
    #expect(try (erased.mean([0]) - x.mean([0])).magnitude().max([0]).item() < 1e-12)
    // Half of the change leaves half of the covariance, and none leaves the features.
    #expect(try abs(cross(erasure(x, strength: 0.5)) / cross(x) - 0.5) < 1e-9)
    #expect(try erasure(x, strength: 0).isEqual(to: x))
    #expect(try erasure(x.to(.float32)).dtype == .float32)
  }

  @Test("A concept that features do not show, and features that never vary, change nothing")
  func nothing() throws {
    let x = try Tensor([1, 0, -1, 0, 0, 1, 0, -1] as [Double], shape: [4, 2])
    let flat = try ConceptErasure(moments(x, .ones([4, 1]), batches: [4]))
    #expect(try flat(x).isEqual(to: x))
    let still = try ConceptErasure(
      moments(.ones([4, 2]), x.narrowed(dim: 1, start: 0, length: 1), batches: [4]))
    #expect(try still(x).isEqual(to: x))
  }
}
