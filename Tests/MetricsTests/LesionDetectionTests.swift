import Metrics
import Testing

@Suite struct LesionDetectionTests {
  static func detect(_ prediction: String, _ reference: String, _ criterion: Double = 0.1) throws -> [Int] {
    let detection = try LesionDetection(
      prediction: BinaryMask(prediction), reference: BinaryMask(reference), criterion: criterion)
    #expect(detection.lesions == detection.found + detection.missed)
    return [detection.found, detection.missed, detection.falseMarks]
  }

  @Test func emptyMasksNeedNoRule() throws {
    #expect(try Self.detect("000/000", "000/000") == [0, 0, 0])
    #expect(try Self.detect("000/000", "010/000") == [0, 1, 0])
    #expect(try Self.detect("101/000", "000/000") == [0, 0, 2])
  }

  @Test func pixelsThatTouchAtACornerAreOneLesion() throws {
    #expect(try Self.detect("100/010/001", "100/010/001") == [1, 0, 0])
    #expect(try Self.detect("10001/01010/00100", "10001/01010/00100") == [1, 0, 0])
    #expect(try Self.detect("00100/01010/10001", "10001/00000/10001") == [2, 2, 0])
  }

  @Test func theCriterionIsReachedAtItsValue() throws {
    // One pixel of two: an IoU of one half.
    #expect(try Self.detect("100", "110", 0.5) == [1, 0, 0])
    #expect(try Self.detect("100", "110", 0.51) == [0, 1, 1])
  }

  @Test func oneMarkMayFindTwoLesions() throws {
    #expect(try Self.detect("11111", "11011") == [2, 0, 0])
    #expect(try Self.detect("11111", "11011", 0.5) == [0, 2, 1])
  }

  @Test func severalMarksOfOneLesionAreNotFalse() throws {
    #expect(try Self.detect("11011", "11111") == [1, 0, 0])
  }

  @Test func aSmearDoesNotFindASmallLesion() throws {
    #expect(try Self.detect("11111111111", "00000100000") == [0, 1, 1])
  }

  @Test func windingPartsAreOne() throws {
    // A spiral and a comb, whose branches meet only later in the scan.
    #expect(try Self.detect("11111/00001/11101/10001/11111", "11111/00001/11101/10001/11111") == [1, 0, 0])
    #expect(try Self.detect("10101/10101/11111", "10101/10101/11111") == [1, 0, 0])
    #expect(try Self.detect("1010101/1010101", "1010101/1010101") == [4, 0, 0])
  }

  @Test(arguments: [0, -0.1, 1.1, Double.nan]) func refusesACriterionThatIsNoIoU(criterion: Double) {
    #expect(throws: MetricError.self) { try Self.detect("1", "1", criterion) }
  }

  @Test func refusesDifferentSizes() {
    #expect(throws: MetricError.self) { try Self.detect("11", "1/1") }
  }

  @Test func aSummaryOfNothingHasNoRate() throws {
    let summary = try LesionDetection.Summary(of: [])
    #expect(summary.images == 0 && summary.sensitivity == nil && summary.falsePerImage == nil)
    let json = try ScoreTests.json(summary)
    #expect(json.keys.contains("sensitivity") && json["false"] as? Int == 0)
  }
}
