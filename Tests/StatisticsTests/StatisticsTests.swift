import Foundation
import Testing
import Torch

@testable import Metrics
@testable import Statistics

@Suite("Statistics")
struct StatisticsTests {
  @Test("The area under the curve is the share of pairs in order, ties counting half")
  func areaUnderCurve() {
    #expect(AreaUnderCurve.of([1, 2, 3, 4], positive: [false, false, true, true]) == 1)
    #expect(AreaUnderCurve.of([4, 3, 2, 1], positive: [false, false, true, true]) == 0)
    #expect(AreaUnderCurve.of([1, 1, 1], positive: [true, false, true]) == 0.5)
    // Positives 2 and 3, negatives 1, 2 and 4: of six pairs 2>1, 3>1, 3>2 are in order, 2=2 is half.
    #expect(AreaUnderCurve.of([2, 3, 1, 2, 4], positive: [true, true, false, false, false]) == 3.5 / 6)
    #expect(AreaUnderCurve.of([1, 2], positive: [true, true]) == nil)
    #expect(AreaUnderCurve.of([Double](), positive: []) == nil)
    #expect(AreaUnderCurve.of([.nan, 1], positive: [true, false]) == nil)
  }

  @Test("The area equals counting all pairs, on random scores with ties")
  func againstPairs() throws {
    let generator = try Generator(seed: 3)
    for _ in 0..<20 {
      let scores = try Tensor.randomIntegers([40], high: 12, generator: generator).doubles()
      let positive = try Tensor.randomIntegers([40], high: 2, generator: generator).doubles().map { $0 > 0 }
      var (total, pairs) = (0.0, 0.0)
      for i in 0..<40 where positive[i] {
        for j in 0..<40 where !positive[j] {
          pairs += 1
          total += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0
        }
      }
      let area = try #require(AreaUnderCurve.of(scores, positive: positive))
      #expect(abs(area - total / pairs) < 1e-12)
    }
  }

  @Test("A bootstrap of one stratum covers about as a normal interval does, and repeats by seed")
  func bootstrap() throws {
    let cases = try Tensor.randomNormal([200], generator: Generator(seed: 5)).doubles()
    let interval = try #require(try Bootstrap.mean(ofStrata: [cases]))
    let mean = cases.reduce(0, +) / 200
    let deviation = (cases.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 199).squareRoot()
    #expect(abs(interval.value - mean) < 1e-12)
    let expected = 1.96 * deviation / 200.0.squareRoot()
    let ends = try #require(interval.ends)
    #expect(abs(ends.upperBound - mean - expected) < 0.15 * expected)
    #expect(abs(mean - ends.lowerBound - expected) < 0.15 * expected)
    #expect(try Bootstrap.mean(ofStrata: [cases]) == interval)
    #expect(try Bootstrap.mean(ofStrata: [cases], seed: 1) != interval)
  }

  @Test("Cases of one group stay together, so that repeating them does not narrow the interval")
  func groups() throws {
    let patients = try Tensor.randomNormal([30], generator: Generator(seed: 9)).doubles()
    let single = try #require(try Bootstrap.mean(ofStrata: [patients.map { [$0] }]))
    let repeated = try #require(
      try Bootstrap.mean(ofStrata: [patients.map { Array(repeating: $0, count: 8) }]))
    let (one, eight) = (try #require(single.ends), try #require(repeated.ends))
    #expect(
      abs(eight.upperBound - one.upperBound) < 1e-9 && abs(eight.lowerBound - one.lowerBound) < 1e-9)
    let alone = try #require(
      try Bootstrap.mean(ofStrata: [patients.flatMap { Array(repeating: $0, count: 8) }]))
    let loose = try #require(alone.ends)
    #expect(loose.upperBound - loose.lowerBound < 0.6 * (one.upperBound - one.lowerBound))
  }

  @Test("Strata weigh the same whatever their size; constants have no width; nothing gives nil")
  func strata() throws {
    let interval = try #require(
      try Bootstrap.mean(ofStrata: [Array(repeating: 1, count: 90), [], Array(repeating: 0, count: 6)]))
    #expect(interval == Interval(value: 0.5, low: 0.5, high: 0.5))
    #expect(interval.excludesZero && interval.hasNoSpread)
    #expect(!Interval(value: 0.1, low: -0.1, high: 0.3).excludesZero)
    #expect(Interval(value: -2, low: -3, high: -1).excludesZero)
    #expect(try Bootstrap.mean(ofStrata: [[], []]) == nil)
  }

  @Test("Fewer than six groups in any stratum give a number, its reason and no claim", arguments: 1...7)
  func few(count: Int) throws {
    // All cases are 1, so each resample is, too, and a percentile interval would exclude zero.
    let strata: [[[Double]]] = [
      Array(repeating: [1, 1, 1], count: 20), Array(repeating: [1, 1], count: count),
    ]
    let interval = try #require(try Bootstrap.mean(ofStrata: strata))
    let isEnough = count >= 6
    #expect(interval.value == 1 && interval.excludesZero == isEnough)
    #expect((interval.ends != nil) == isEnough && (interval.reason == nil) == isEnough)
    if count == 1 {
      #expect(interval.reason == "1 independent patient, sequence or image; an interval needs 6")
    }
    // The smallest two-sided p over n pairs reaches 0.05 from six on.
    let test = try #require(WilcoxonSignedRank((0..<count).map { 1 + Double($0) }))
    #expect((test.p <= 0.05) == isEnough)
  }

  @Test("A number without an interval keeps its reason in JSON; an earlier file has none to keep")
  func withoutInterval() throws {
    let bare = Interval(value: 0.5, withoutInterval: "2 seeds; an interval needs 6")
    let json = String(decoding: try JSONEncoder().encode(bare), as: UTF8.self)
    #expect(json.contains("\"low\":null") && json.contains("2 seeds"))
    #expect(try JSONDecoder().decode(Interval.self, from: Data(json.utf8)) == bare)
    let earlier = Data(#"{"value": 1, "low": 0.5, "high": 2}"#.utf8)
    #expect(
      try JSONDecoder().decode(Interval.self, from: earlier) == Interval(value: 1, low: 0.5, high: 2))
  }

  @Test("The units of a column are its groups with a defined case")
  func units() throws {
    let sums = try GroupSums([[1, nil, 2, 3], [nil, nil, nil, 4]], of: [0, 1, 1, 2], groups: 3)
    #expect(try sums.units() == [3, 1])
  }

  @Test("A ranking over too few units has its order alone")
  func ranking() throws {
    let ranks = try RankStability(
      metric: .dice, methods: ["a", "b"], means: [0.2, 0.4], resampled: Tensor([0.2, 0.4], shape: [1, 2]),
      shortage: "few")
    #expect(
      ranks.methods.map(\.rank) == [2, 1] && ranks.methods.allSatisfy { $0.mean == nil && $0.low == nil })
    #expect(ranks.reason == "few" && ranks.kendallTau == nil)
  }
}
