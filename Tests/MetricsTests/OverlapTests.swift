import Metrics
import Testing
import TestSupport

@Suite struct OverlapTests {
  @Test func countsAPairWorkedByHand() throws {
    let counts = try OverlapCounts(
      prediction: BinaryMask("1100/1100/0000"), reference: BinaryMask("0110/0110/0010"))
    #expect(counts.truePositives == 2)
    #expect(counts.falsePositives == 2)
    #expect(counts.falseNegatives == 3)
    #expect(counts.trueNegatives == 5)
    #expect(counts.dice == 4.0 / 9)
    #expect(counts.iou == 2.0 / 7)
    #expect(counts.accuracy == 7.0 / 12)
    #expect(counts.precision == 0.5)
    #expect(counts.recall == 0.4)
    #expect(counts.specificity == 5.0 / 7)
  }

  @Test func twoEmptyMasksAgree() throws {
    let empty = try BinaryMask("000/000")
    let counts = try OverlapCounts(prediction: empty, reference: empty)
    #expect(counts.dice == 1)
    #expect(counts.iou == 1)
    #expect(counts.accuracy == 1)
    #expect(counts.precision == 1)
    #expect(counts.recall == 1)
    #expect(counts.specificity == 1)
    #expect(counts.referenceIsEmpty && counts.predictionIsEmpty)
  }

  @Test func aMissedLesionHasNoPrecision() throws {
    let counts = try OverlapCounts(prediction: BinaryMask("000/000"), reference: BinaryMask("010/000"))
    #expect(counts.dice == 0)
    #expect(counts.iou == 0)
    #expect(counts.precision == nil)
    #expect(counts.recall == 0)
    #expect(counts.specificity == 1)
  }

  @Test func aFalseAlarmHasNoRecall() throws {
    let counts = try OverlapCounts(prediction: BinaryMask("010/000"), reference: BinaryMask("000/000"))
    #expect(counts.dice == 0)
    #expect(counts.iou == 0)
    #expect(counts.precision == 0)
    #expect(counts.recall == nil)
    #expect(counts.specificity == 5.0 / 6)
  }

  @Test func aFullReferenceHasNoSpecificity() throws {
    let full = try BinaryMask("11/11")
    let counts = try OverlapCounts(prediction: full, reference: full)
    #expect(counts.dice == 1)
    #expect(counts.accuracy == 1)
    #expect(counts.specificity == nil)
  }

  @Test func differentSizesAreNamed() throws {
    let error = MetricError.sizeMismatch(
      predictionWidth: 2, predictionHeight: 3, referenceWidth: 3, referenceHeight: 2)
    let prediction = try BinaryMask("11/11/11")
    let reference = try BinaryMask("111/111")
    #expect(throws: error) { try OverlapCounts(prediction: prediction, reference: reference) }
    #expect(throws: error) { try SurfaceDistances(prediction: prediction, reference: reference) }
    #expect(throws: error) { try ImageScores(prediction: prediction, reference: reference, tolerance: 1) }
    #expect(error.description.contains("2×3") && error.description.contains("3×2"))
    #expect(error.description.contains("Resize"))
  }
}
