import Foundation
import Metrics
import Testing
import TestSupport

@Suite struct ScoreTests {
  static func scores(_ prediction: String, _ reference: String, tolerance: Double = 1) throws -> ImageScores {
    try ImageScores(
      prediction: BinaryMask(prediction), reference: BinaryMask(reference), tolerance: tolerance)
  }

  static func json(_ value: some Encodable) throws -> [String: Any] {
    let data = try JSONEncoder().encode(value)
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func undefinedScoresAreNullInJSON() throws {
    let scores = try Self.scores("000/000", "010/000")
    let json = try Self.json(scores)
    #expect(
      Set(json.keys) == [
        "dice", "iou", "accuracy", "precision", "recall", "specificity", "boundary_iou", "hd95",
        "hd95_percent",
        "asd", "asd_percent", "nsd", "nsd_tolerance", "distance_unit", "spacing", "detection",
        "reference_share", "reference_empty",
        "prediction_empty",
      ])
    for key in ["precision", "hd95", "hd95_percent", "asd", "asd_percent", "spacing"] {
      #expect(json[key] is NSNull, "\(key)")
    }
    #expect(json["dice"] as? Double == 0)
    #expect(json["distance_unit"] as? String == "px")
    #expect((json["detection"] as? [String: Any])?["missed"] as? Int == 1)
    #expect(json["prediction_empty"] as? Bool == true)
    #expect(json["reference_empty"] as? Bool == false)
    #expect(json["reference_share"] as? Double == 1.0 / 6)
  }

  @Test func scoresSurviveJSON() throws {
    let pixel = try BinaryMask("011/000")
    let inMillimetres = try ImageScores(
      prediction: pixel, reference: pixel, tolerance: 1, spacing: PixelSpacing(x: 0.5, y: 2))
    #expect(try Self.json(inMillimetres)["distance_unit"] as? String == "mm")
    for scores in try [
      Self.scores("000/000", "010/000"), Self.scores("011/000", "010/100"), inMillimetres,
    ] {
      #expect(try JSONDecoder().decode(ImageScores.self, from: JSONEncoder().encode(scores)) == scores)
    }
  }

  @Test func summarisesWhatIsDefined() throws {
    // Dice: hit 1, half 2/3, missed 0, both empty 1.
    let summary = try ScoreSummary(of: [
      Self.scores("010", "010"), Self.scores("110", "010"), Self.scores("000", "010"),
      Self.scores("000", "000"),
    ])
    #expect(summary.count == 4)
    #expect(summary.countWithLesion == 3)
    #expect(summary.countEmptyReference == 1)
    #expect(summary.tolerance == 1)
    let dice = try #require(summary.metrics[.dice])
    #expect(dice.count == 4)
    #expect(abs((dice.mean ?? 0) - 2.0 / 3) < 1e-12)
    // Deviations 1/3, 0, -2/3, 1/3: squares sum to 6/9, over 3.
    #expect(abs((dice.standardDeviation ?? 0) - (2.0 / 9).squareRoot()) < 1e-12)
    #expect(abs((dice.median ?? 0) - 5.0 / 6) < 1e-12)
    #expect(abs((summary.meanDiceWithLesion ?? 0) - 5.0 / 9) < 1e-12)
    #expect(abs((summary.meanIoUWithLesion ?? 0) - 0.5) < 1e-12)
    #expect(summary.metrics[.hd95]?.count == 3)
    #expect(summary.metrics[.precision]?.count == 3)
    #expect(summary.metricsWithLesion[.dice]?.count == 3)
    #expect(summary.metricsWithLesion[.hd95]?.count == 2)
    #expect(summary.distanceUnit == .pixels)
    #expect(
      summary.detection.found == 2 && summary.detection.missed == 1 && summary.detection.falseMarks == 0)
    #expect(summary.detection.sensitivity == 2.0 / 3)
    #expect(summary.detection.foundPerImage == 0.5 && summary.detection.missedPerImage == 0.25)
  }

  @Test func aSummaryOfNothingIsNull() throws {
    let summary = try ScoreSummary(of: [])
    let json = try Self.json(summary)
    #expect(json["n"] as? Int == 0)
    #expect(json["n_with_lesion"] as? Int == 0)
    #expect(json["dice_with_lesion"] is NSNull)
    #expect(json["empty_mask_policy"] as? String == EmptyMaskPolicy.statement)
    let dice = try #require((json["metrics"] as? [String: Any])?["dice"] as? [String: Any])
    #expect(dice["mean"] is NSNull && dice["sd"] is NSNull && dice["median"] is NSNull)
    #expect(try JSONDecoder().decode(ScoreSummary.self, from: JSONEncoder().encode(summary)) == summary)
  }

  @Test func oneImageHasNoDeviation() {
    let statistics = ScoreStatistics(of: [nil, 0.25])
    #expect(statistics.count == 1)
    #expect(statistics.mean == 0.25)
    #expect(statistics.median == 0.25)
    #expect(statistics.standardDeviation == nil)
  }

  @Test func refusesToMixTolerances() throws {
    let scores = try [Self.scores("010", "010", tolerance: 1), Self.scores("010", "010", tolerance: 2)]
    #expect(throws: MetricError.mixedTolerances(1, 2)) { try ScoreSummary(of: scores) }
  }

  @Test func refusesToMixUnitsAndCriteria() throws {
    let pixel = try BinaryMask("010")
    let scores = try ImageScores(prediction: pixel, reference: pixel, tolerance: 1)
    let inMillimetres = try ImageScores(
      prediction: pixel, reference: pixel, tolerance: 1, spacing: PixelSpacing(x: 1, y: 1))
    let strict = try ImageScores(prediction: pixel, reference: pixel, tolerance: 1, detectionIoU: 0.5)
    #expect(throws: MetricError.mixedUnits) { try ScoreSummary(of: [scores, inMillimetres]) }
    #expect(throws: MetricError.mixedCriteria(0.1, 0.5)) { try ScoreSummary(of: [scores, strict]) }
  }
}
