import Foundation
import Testing
import Torch

@testable import Metrics

/// Measures of certainty, worked by hand.
@Suite("Certainty")
struct CertaintyTests {
  @Test("The area under the curve of three cases, and the lowest one")
  func area() throws {
    // Selective risks 0, 1/2, 1/3: the wrong case is the second surest.
    let found = RiskCoverage(uncertainties: [0.1, 0.2, 0.3], risks: [0, 1, 0])
    let wanted = (0.5 + 1.0 / 3) / 3
    #expect(abs(try #require(found.area) - wanted) < 1e-12)
    #expect(abs(try #require(found.risk) - 1.0 / 3) < 1e-12)
    // With the wrong case last: 0, 0, 1/3.
    #expect(abs(try #require(found.leastArea) - 1.0 / 9) < 1e-12)
    #expect(abs(try #require(found.excessArea) - 1.0 / 6) < 1e-12)
    #expect(found.selectiveRisk(coverage: 1.0 / 3) == 0)
    #expect(found.selectiveRisk(coverage: 2.0 / 3) == 0.5)
  }

  @Test("Equal uncertainties share their risks, in any order")
  func ties() throws {
    // One sure case, then two equal ones with a risk of 1 and 0: 0, (1/2)/2, 1/3.
    let wanted = (0 + 0.25 + 1.0 / 3) / 3
    for risks in [[0.0, 1, 0], [0, 0, 1]] {
      let found = RiskCoverage(uncertainties: [0, 0.5, 0.5], risks: risks)
      #expect(abs(try #require(found.area) - wanted) < 1e-12)
      #expect(abs(try #require(found.selectiveRisk(coverage: 2.0 / 3)) - 0.25) < 1e-12)
    }
  }

  @Test("Without a case nothing is defined")
  func empty() {
    let none = RiskCoverage(uncertainties: [], risks: [])
    #expect(none.area == nil && none.risk == nil && none.leastArea == nil && none.count == 0)
    #expect(none.selectiveRisk(coverage: 1) == nil && RiskCounts().curve.area == nil)
    #expect(throws: MetricError.self) { try DiceCoverage(dice: [], uncertainties: []) }
  }

  @Test("Counted pixels give the curve of single ones, from maps and one by one")
  func counts() throws {
    let uncertainty = try Tensor([0.0, 0.5, 0.5, 1], shape: [2, 2])
    let wrong = try Tensor([UInt8(0), 1, 0, 1], shape: [2, 2]).greater(than: 0)
    let found = try RiskCounts(uncertainty: uncertainty, wrong: wrong)
    var single = RiskCounts()
    for (value, risk) in [(0.0, 0.0), (0.5, 1), (0.5, 0), (1, 1)] { single.add(value, count: 1, risk: risk) }
    #expect(found == single)
    let whole = RiskCoverage(uncertainties: [0, 0.5, 0.5, 1], risks: [0, 1, 0, 1])
    #expect(abs(try #require(found.curve.area) - (try #require(whole.area))) < 1e-12)
    #expect(RiskCounts.bin(of: 0) == 0 && RiskCounts.bin(of: 1) == RiskCounts.bins - 1)
    #expect(RiskCounts.bin(of: 1e-6) > 0)
    #expect(throws: TorchError.self) { try RiskCounts(uncertainty: uncertainty, wrong: wrong.reshaped([4])) }
    #expect(throws: MetricError.self) { try RiskCounts(counts: [1], risks: [0]) }
  }

  @Test("Dice against coverage, and how well uncertainty finds failures")
  func diceCoverage() throws {
    let found = try DiceCoverage(dice: [0.9, 0.8, 0.1, 0.6], uncertainties: [0.1, 0.2, 0.9, 0.3])
    let all = try #require(found.points.first)
    #expect(all.coverage == 1 && all.count == 4 && abs(all.dice - 0.6) < 1e-12)
    let last = try #require(found.points.last)
    #expect(last.count == 1 && abs(last.dice - 0.9) < 1e-12)
    #expect(found.points.map(\.count) == [4, 3, 2, 1])
    #expect(found.failureAUROC == 1 && found.failure == 0.5)
    // Risks 0.1, 0.2, 0.4, 0.9 in the order of uncertainty.
    let selective: [Double] = [0.1, 0.15, 0.7 / 3, 0.4]
    let wanted = selective.reduce(0, +) / 4
    #expect(abs(found.aurc - wanted) < 1e-12)
    #expect(try DiceCoverage(dice: [0.9, 0.8], uncertainties: [0, 1]).failureAUROC == nil)
  }

  /// Four pixels: 0.1 and 0.4 outside of a mask, 0.6 and 0.9 in it, or another mask.
  private func pixels(_ mask: [UInt8] = [0, 0, 1, 1]) throws -> LogitCounts {
    try LogitCounts(
      Tensor([0.1, 0.4, 0.6, 0.9], shape: [2, 2]), of: Tensor(mask, shape: [2, 2]).greater(than: 0))
  }

  private func plain(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }

  @Test("Brier score and calibration error from counted logits are those of the pixels")
  func calibration() throws {
    let found = try #require(try pixels().scores(plain))
    // (0.1² + 0.4² + 0.4² + 0.1²) / 4 and (0.1 + 0.4 + 0.4 + 0.1) / 4; a bin is 0.05 logits wide.
    #expect(abs(found.brier - 0.085) < 0.005 && abs(found.error - 0.25) < 0.006, "\(found)")
    #expect(LogitCounts().scores(plain) == nil)
    var twice = try pixels()
    twice.merge(try pixels())
    #expect(twice.count == 8)
    let again = try #require(twice.scores(plain))
    #expect(abs(again.brier - found.brier) < 1e-12 && abs(again.error - found.error) < 1e-12)
  }

  @Test("Expected Dice by hand: of a mask, of an empty mask, and of a sure one")
  func expectedDice() throws {
    // 2·(0.6 + 0.9) / (2 + 0.1 + 0.4 + 0.6 + 0.9)
    #expect(abs(try pixels().expectedDice(plain) - 0.75) < 0.01)
    // Any mask: 2·(0.1 + 0.9) / (2 + 2).
    #expect(abs(try pixels([1, 0, 0, 1]).expectedDice(plain) - 0.5) < 0.01)
    // An empty mask: 1 less the highest probability.
    #expect(abs(try pixels([0, 0, 0, 0]).expectedDice(plain) - 0.1) < 0.005)
    let map = try Tensor([0.0, 0, 1, 1], shape: [2, 2])
    let sure = try LogitCounts(map, of: map.greater(than: 0.5))
    #expect(sure.expectedDice(plain) > 0.999)
    #expect(sure.uncertainty(plain) < 1e-4)
    let unsure = try LogitCounts(Tensor([0.5, 0.5], shape: [1, 2]), of: .zeros([1, 2], dtype: .bool))
    // Entropy 1 bit and probability ½ for each pixel.
    #expect(abs(unsure.uncertainty(plain) - 2.0 / 3) < 0.01)
  }

  @Test("Wrong pixels are counted by their entropy")
  func risks() throws {
    // The two unsure pixels are wrong, and come last: selective risks 0, 0, 1/3, 1/2.
    let found = try pixels([0, 1, 1, 0]).risks(plain).curve
    #expect(found.count == 4 && found.risk == 0.5)
    #expect(found.selectiveRisk(coverage: 0.5) == 0)
    #expect(abs(try #require(found.area) - 5.0 / 24) < 1e-12)
    // The two sure ones are wrong: 1, 1, 2/3, 1/2.
    let worse = try pixels([1, 0, 0, 1]).risks(plain).curve
    #expect(worse.selectiveRisk(coverage: 0.5) == 1)
  }

  @Test("Large maps count every k-th row and column")
  func sampling() throws {
    #expect(try LogitCounts.sampled(.zeros([256, 256])).shape == [256, 256])
    #expect(try LogitCounts.sampled(.zeros([257, 256])).shape == [129, 128])
    let large = try LogitCounts(.zeros([1000, 1000]), of: .zeros([1000, 1000], dtype: .bool))
    #expect(large.count <= Double(LogitCounts.mostPixels) && large.count > 0)
    #expect(throws: TorchError.self) { try LogitCounts(.zeros([2, 2]), of: .zeros([2, 3], dtype: .bool)) }
    #expect(LogitCounts.logits.count == LogitCounts.bins)
    #expect(LogitCounts.entropy(0.5) == 1 && LogitCounts.entropy(0) == 0 && LogitCounts.entropy(1) == 0)
  }
}
