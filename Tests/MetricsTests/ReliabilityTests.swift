import Foundation
import Metrics
import Testing
import TestSupport

@Suite struct ReliabilityTests {
  static func reliability(_ values: [Float], _ reference: String, bins: Int = 15) throws -> Reliability {
    let reference = try BinaryMask(reference)
    var result = try Reliability(bins: bins)
    try result.add(
      ProbabilityMap(width: reference.width, height: reference.height, values: values), reference: reference)
    return result
  }

  @Test(arguments: try MapFixture.cases())
  func agreesWithScikitLearnAndNumPy(on fixture: MapFixture.Case) throws {
    let (map, reference) = try fixture.masks()
    var reliability = try Reliability()
    try reliability.add(map, reference: reference)
    let summary = reliability.summary
    #expect(abs((summary.brier ?? -1) - fixture.calibration.brier) <= 1e-9)
    #expect(abs((summary.expectedCalibrationError ?? -1) - fixture.calibration.ece) <= 1e-9)
    #expect(summary.pixels == reference.width * reference.height)
    for (index, point) in summary.curve.enumerated() {
      #expect(point.count == fixture.calibration.n[index])
      for (found, expected) in [
        (point.meanConfidence, fixture.calibration.mean_confidence[index]),
        (point.shareOfPositives, fixture.calibration.share_positive[index]),
      ] {
        #expect((found == nil) == (expected == nil))
        if let found, let expected { #expect(abs(found - expected) <= 1e-9) }
      }
    }
  }

  @Test func worksOutACaseByHand() throws {
    // Bins of a quarter: two pixels in the first, one of them lesion, and a background pixel in the last.
    let summary = try Self.reliability([0.125, 0.1875, 0.875], "010", bins: 4).summary
    #expect(summary.curve.map(\.count) == [2, 0, 0, 1])
    #expect(summary.curve[0].meanConfidence == 0.15625 && summary.curve[0].shareOfPositives == 0.5)
    #expect(summary.curve[1].meanConfidence == nil && summary.curve[1].shareOfPositives == nil)
    // Gaps: |0.3125 - 1| and |0.875 - 0|, over 3.
    #expect(abs((summary.expectedCalibrationError ?? -1) - (0.6875 + 0.875) / 3) < 1e-12)
    let brier = (0.125 * 0.125 + 0.8125 * 0.8125 + 0.875 * 0.875) / 3
    #expect(abs((summary.brier ?? -1) - brier) < 1e-12)
  }

  @Test func anEdgeBelongsToTheBinBelow() throws {
    let summary = try Self.reliability([0, 0.25, 0.5, 0.75, 1, 0.26], "000000", bins: 4).summary
    #expect(summary.curve.map(\.count) == [2, 2, 1, 1])
    let one = try Self.reliability([1], "1").summary
    #expect(one.curve.last?.count == 1 && one.brier == 0 && one.expectedCalibrationError == 0)
  }

  @Test func certaintyAboutTheWrongClassIsTheWorst() throws {
    let summary = try Self.reliability([1, 0], "01").summary
    #expect(summary.brier == 1 && summary.expectedCalibrationError == 1)
  }

  @Test func imagesAddUpInAnyOrderAndThroughJSON() throws {
    let shares = try MapFixture.cases().map { fixture in
      let (map, reference) = try fixture.masks()
      var share = try Reliability()
      try share.add(map, reference: reference)
      return share
    }
    func total(_ shares: [Reliability]) throws -> Reliability {
      try shares.reduce(into: try Reliability()) { try $0.merge($1) }
    }
    let all = try total(shares)
    #expect(all.images == shares.count)
    #expect(try total(shares) == all)
    let stored = try shares.map { try JSONDecoder().decode(Reliability.self, from: JSONEncoder().encode($0)) }
    #expect(try total(stored) == all)
    let reversed = try total(shares.reversed()).summary
    #expect(abs((reversed.brier ?? 0) - (all.summary.brier ?? 1)) < 1e-12)
    #expect(reversed.curve.map(\.count) == all.summary.curve.map(\.count))
  }

  @Test func nothingHasNoScore() throws {
    let json = try ScoreTests.json(Reliability().summary)
    #expect(json["brier"] is NSNull && json["ece"] is NSNull && json["pixels"] as? Int == 0)
  }

  @Test func refusesWhatDoesNotFit() throws {
    #expect(throws: MetricError.invalidBins(0)) { try Reliability(bins: 0) }
    #expect(throws: MetricError.mixedBins(15, 10)) {
      var first = try Reliability()
      try first.merge(Reliability(bins: 10))
    }
    #expect(throws: MetricError.self) {
      var one = try Reliability()
      try one.add(ProbabilityMap(width: 2, height: 1, values: [0, 1]), reference: BinaryMask("1"))
    }
    for value: Float in [-0.1, 1.1, .nan] {
      let error = #expect(throws: MetricError.self) {
        try ProbabilityMap(width: 2, height: 1, values: [0.5, value])
      }
      #expect(error?.description.contains("column 1, row 0") == true)
    }
    #expect(throws: MetricError.pixelCount(width: 2, height: 1, found: 1)) {
      try ProbabilityMap(width: 2, height: 1, values: [0.5])
    }
    // A rounding error is cut off.
    #expect(try ProbabilityMap(width: 1, height: 1, values: [1.000001]).values == [1])
  }
}
