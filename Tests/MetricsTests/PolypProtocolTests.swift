import Foundation
import TestSupport
import Testing

@testable import Metrics

@Suite struct PolypProtocolTests {
  static func means(_ levels: [UInt8], _ reference: String) throws -> PolypProtocol.Means {
    let reference = try BinaryMask(reference)
    let map = try ProbabilityMap(width: reference.width, height: reference.height, levels: levels)
    return try #require(try PolypProtocol(map, reference: reference).summary.all)
  }

  @Test func thereAreCases() throws { #expect(try MapFixture.cases().count >= 20) }

  @Test(arguments: try MapFixture.cases()) func agreesWithPySODMetrics(on fixture: MapFixture.Case) throws {
    let (map, reference) = try fixture.masks()
    let means = try #require(try PolypProtocol(map, reference: reference).summary.all)
    func near(_ found: Double, _ expected: Double, _ name: String) {
      #expect(abs(found - expected) <= 1e-9, "\(name): \(found), expected \(expected)")
    }
    if let structure = fixture.polyp.s_measure { near(means.structure, structure, "S") }
    near(means.weightedF, fixture.polyp.weighted_f, "wF")
    near(means.absoluteError, fixture.polyp.mae, "MAE")
    near(means.meanEnhancedAlignment, fixture.polyp.e_measure.mean, "mean E")
    near(means.maxEnhancedAlignment, fixture.polyp.e_measure.max, "max E")
    near(means.meanDice, fixture.polyp.dice.mean, "mean Dice")
    near(means.maxDice, fixture.polyp.dice.max, "max Dice")
    near(means.meanIoU, fixture.polyp.iou.mean, "mean IoU")
    near(means.maxIoU, fixture.polyp.iou.max, "max IoU")
    let measures = ThresholdMeasures(LevelCounts(map.savedLevels, reference: reference))
    for (place, threshold) in stride(from: 0, to: 256, by: 15).enumerated() {
      near(
        measures.enhancedAlignment.values[threshold], fixture.polyp.e_measure.every_15th[place],
        "E at \(threshold)")
      near(measures.dice.values[threshold], fixture.polyp.dice.every_15th[place], "Dice at \(threshold)")
      near(measures.iou.values[threshold], fixture.polyp.iou.every_15th[place], "IoU at \(threshold)")
    }
  }

  @Test func aMaskThatFitsIsPerfectButForThresholdZero() throws {
    let means = try Self.means([0, 255, 255, 0, 0, 0, 0, 0], "0110/0000")
    #expect(means.absoluteError == 0)
    #expect(abs(means.weightedF - 1) < 1e-12)
    #expect(abs(means.structure - 1) < 1e-12)
    #expect(means.maxDice == 1 && means.maxIoU == 1)
    // At threshold 0 all 8 pixels are marked: Dice 4/10, IoU 2/8.
    #expect(abs(means.meanDice - (255 + 0.4) / 256) < 1e-12)
    #expect(abs(means.meanIoU - (255 + 0.25) / 256) < 1e-12)
    // 8 pixels over 7.
    #expect(abs(means.maxEnhancedAlignment - 8.0 / 7) < 1e-12)
  }

  @Test func anEmptyReferenceHasNoDice() throws {
    let means = try Self.means([0, 255, 51, 0], "00/00")
    #expect(means.meanDice == 0 && means.meanIoU == 0 && means.weightedF == 0)
    #expect(abs(means.absoluteError - 0.3) < 1e-12 && abs(means.structure - 0.7) < 1e-12)
  }

  @Test func aConstantMapStaysAsItWasStored() throws {
    #expect(abs(try Self.means([51, 51, 51, 51], "10/00").absoluteError - 0.35) < 1e-12)
    // From probabilities PraNet's script saves zeros.
    let map = try ProbabilityMap(width: 2, height: 2, values: [0.9, 0.9, 0.9, 0.9])
    #expect(map.savedLevels == [0, 0, 0, 0])
  }

  @Test func probabilitiesAreStretchedAndRounded() throws {
    let map = try ProbabilityMap(width: 5, height: 1, values: [0.25, 0.75, 0.5, 0.3, 0.25])
    #expect(map.savedLevels == [0, 255, 128, 26, 0])  // 127.5 and 25.5 round up
    #expect(map.mask(atLeast: 0.5).pixels == [0, 1, 1, 0, 0])
  }

  @Test(arguments: ["1", "0"]) func aSinglePixelHasFiniteMeasures(reference: String) throws {
    for level: UInt8 in [0, 255] {
      let values = try Self.means([level], reference).named.map(\.value)
      #expect(values.allSatisfy { $0.isFinite })
    }
  }

  /// The quarters to the right of or below a lesion on the last column or row have no pixel; PySODMetrics has no number there.
  @Test func aPartWithoutPixelsHasNoWeight() throws {
    let fitting = try Self.means([0, 0, 255, 0, 0, 255], "001/001")
    #expect(abs(fitting.structure - 1) < 1e-12)
    for fixture in try MapFixture.cases() where fixture.polyp.s_measure == nil {
      let (map, reference) = try fixture.masks()
      let structure = try PolypProtocol(map, reference: reference).summary.all?.structure ?? -1
      #expect((0...1).contains(structure), "\(fixture.name)")
    }
  }

  @Test func theMaximumIsThatOfTheMeanCurve() throws {
    // Alone each is perfect at its own thresholds; no threshold suits both.
    let reference = try BinaryMask("1100")
    let early = try PolypProtocol(
      ProbabilityMap(width: 4, height: 1, levels: [255, 80, 0, 0]), reference: reference)
    let late = try PolypProtocol(
      ProbabilityMap(width: 4, height: 1, levels: [255, 255, 160, 0]), reference: reference)
    var both = early
    both.merge(late)
    #expect(early.summary.all?.maxDice == 1 && late.summary.all?.maxDice == 1)
    let best = try #require(both.summary.all?.maxDice)
    #expect(abs(best - (1 + 0.8) / 2) < 1e-12)
    let mean = try #require(both.summary.all?.meanDice)
    let parts = [early, late].compactMap { $0.summary.all?.meanDice }
    #expect(abs(mean - parts.reduce(0, +) / 2) < 1e-12)
  }

  @Test func imagesAddUpInAnyOrderAndThroughJSON() throws {
    let shares = try MapFixture.cases().map { fixture in
      let (map, reference) = try fixture.masks()
      return try PolypProtocol(map, reference: reference)
    }
    func total(_ shares: [PolypProtocol]) -> PolypProtocol {
      shares.reduce(into: PolypProtocol()) { $0.merge($1) }
    }
    let all = total(shares)
    #expect(all.summary.count == shares.count && all.summary.countEmptyReference == 2)
    #expect(total(shares) == all)
    let stored = try shares.map {
      try JSONDecoder().decode(PolypProtocol.self, from: JSONEncoder().encode($0))
    }
    #expect(total(stored) == all)
    let halves = [total(Array(shares.reversed().prefix(9))), total(Array(shares.reversed().dropFirst(9)))]
    for (one, other) in zip(total(halves).summary.all?.named ?? [], all.summary.all?.named ?? []) {
      #expect(abs(one.value - other.value) < 1e-12, "\(one.name)")
    }
    let withLesion = try #require(all.summary.withLesion)
    #expect(withLesion.meanDice > all.summary.all?.meanDice ?? 1)
  }

  @Test func aSummaryOfNothingIsNull() throws {
    let json = try ScoreTests.json(PolypProtocol().summary)
    #expect(json["all"] is NSNull && json["with_lesion"] is NSNull && json["n"] as? Int == 0)
  }

  @Test func refusesWhatDoesNotFit() throws {
    let map = try ProbabilityMap(width: 2, height: 1, values: [0, 1])
    #expect(throws: MetricError.self) { try PolypProtocol(map, reference: BinaryMask("1/1")) }
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(ThresholdCurve.self, from: Data("[1, 2]".utf8))
    }
  }
}
