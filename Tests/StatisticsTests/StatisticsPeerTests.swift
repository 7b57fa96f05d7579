import Foundation
import Testing
import Torch

@testable import Metrics
@testable import Statistics

/// Agreement with SciPy, statsmodels and NumPy on `Fixtures/statistics.json`, made by
/// `Fixtures/make_statistics.py`.
@Suite("Statistics beside SciPy, statsmodels and NumPy")
struct StatisticsPeerTests {
  struct Fixture: Decodable {
    struct Paired: Decodable, Sendable, CustomTestStringConvertible {
      let name: String
      let differences: [Double]
      let n: Int
      let statistic: Double
      let p: Double
      let rank_biserial: Double
      var testDescription: String { name }
    }
    struct Family: Decodable, Sendable {
      let p: [Double]
      let corrected: [Double]
    }
    struct Tail: Decodable, Sendable {
      let z: Double
      let two_sided: Double
    }
    struct Orders: Decodable, Sendable {
      let first: [Double]
      let second: [Double]
      let tau: Double
    }
    struct Sample: Decodable, Sendable {
      let values: [Double]
      let q1: Double
      let median: Double
      let q3: Double
    }
    let wilcoxon: [Paired]
    let holm: [Family]
    let normal: [Tail]
    let kendall: [Orders]
    let quartiles: [Sample]
  }

  static func fixture() throws -> Fixture {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/statistics.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }

  @Test("The fixture holds exact and approximate cases")
  func cases() throws { #expect(try Self.fixture().wilcoxon.count >= 14) }

  @Test(
    "Wilcoxon's test gives SciPy's statistic and p-value, whichever way SciPy takes",
    arguments: try fixture().wilcoxon)
  func wilcoxon(_ sample: Fixture.Paired) throws {
    let test = try #require(WilcoxonSignedRank(sample.differences))
    #expect(test.count == sample.n)
    #expect(abs(test.statistic - sample.statistic) <= 1e-9)
    #expect(abs(test.p - sample.p) <= 1e-9)
    let mirrored = try #require(WilcoxonSignedRank(sample.differences.map { -$0 }))
    #expect(mirrored == test)
    let effect = try #require(RankBiserial.of(sample.differences))
    #expect(abs(effect - sample.rank_biserial) <= 1e-12)
  }

  @Test("Nothing but zeros is no test and no effect")
  func zeros() {
    #expect(WilcoxonSignedRank([0, 0]) == nil && WilcoxonSignedRank([]) == nil)
    #expect(RankBiserial.of([0, 0]) == nil && RankBiserial.of([]) == nil)
  }

  @Test("Holm's correction is statsmodels', in the order that was given")
  func holm() throws {
    for family in try Self.fixture().holm {
      let found = Holm.corrected(family.p)
      #expect(zip(found, family.corrected).allSatisfy { abs($0 - $1) <= 1e-12 }, "\(family.p)")
    }
    #expect(Holm.corrected([]).isEmpty)
  }

  @Test("Tails of the normal distribution keep their digits far out")
  func normal() throws {
    for tail in try Self.fixture().normal {
      #expect(abs(NormalDistribution.twoSided(tail.z) - tail.two_sided) <= 1e-12 * tail.two_sided)
    }
  }

  @Test("Kendall's tau is SciPy's tau-b, with ties")
  func kendall() throws {
    for orders in try Self.fixture().kendall {
      let shape = [1, orders.first.count]
      let tau = try RankStability.kendallTau(
        Tensor(orders.first, shape: shape), Tensor(orders.second, shape: shape)
      ).item()
      #expect(abs(tau - orders.tau) <= 1e-12)
    }
  }

  @Test("Quartiles are NumPy's")
  func quartiles() throws {
    for sample in try Self.fixture().quartiles {
      let found = ScoreStatistics(of: sample.values)
      let ends = try [#require(found.lowerQuartile), #require(found.median), #require(found.upperQuartile)]
      #expect(zip(ends, [sample.q1, sample.median, sample.q3]).allSatisfy { abs($0 - $1) <= 1e-12 })
    }
  }
}
