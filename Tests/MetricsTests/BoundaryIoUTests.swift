import Metrics
import Testing

@Suite struct BoundaryIoUTests {
  static func score(_ prediction: String, _ reference: String, ratio: Double = 0.02) throws -> Double {
    try BoundaryIoU.score(prediction: BinaryMask(prediction), reference: BinaryMask(reference), ratio: ratio)
  }

  @Test func emptyMasksFollowThePolicy() throws {
    #expect(try Self.score("000/000", "000/000") == 1)
    #expect(try Self.score("000/000", "010/000") == 0)
    #expect(try Self.score("010/000", "000/000") == 0)
  }

  @Test func onePixelIsItsOwnBand() throws {
    #expect(try Self.score("000/010/000", "000/010/000") == 1)
    #expect(try Self.score("000/010/000", "000/011/000") == 0.5)
  }

  @Test func theFrameOfAFullMaskIsItsBand() throws {
    // 5×5 with a band of 1: the inner 3×3 is eroded away, so a hole there costs its own ring only.
    let full = "11111/11111/11111/11111/11111"
    #expect(try Self.score(full, "11111/11111/11111/11111/11111") == 1)
    // Reference without its middle: its band is frame and the ring round the hole, all 24 pixels.
    #expect(try Self.score(full, "11111/11111/11011/11111/11111") == 16.0 / 24)
  }

  @Test func diagonalNeighboursErodeToo() throws {
    // The cross is all band; so is the square but for its middle.
    #expect(try Self.score("00000/00100/01110/00100/00000", "00000/01110/01110/01110/00000") == 4.0 / 9)
  }

  @Test func aWiderBandReachesFarther() throws {
    let wide = String(repeating: "1", count: 9)
    let square = Array(repeating: wide, count: 9).joined(separator: "/")
    let holed = (0..<9).map { $0 == 4 ? "111101111" : wide }.joined(separator: "/")
    // Band of 1: the frame of 32 against the frame and the ring of 8. Band of 2: frames of 56 against all but the hole.
    #expect(try Self.score(square, holed, ratio: 0.08) == 32.0 / 40)
    #expect(try Self.score(square, holed, ratio: 0.16) == 56.0 / 80)
    // Wider than the mask: overlap of the masks.
    #expect(try Self.score(square, holed, ratio: 1) == 80.0 / 81)
  }

  @Test func theBandIsTwoPercentOfTheDiagonal() {
    #expect(BoundaryIoU.bandWidth(width: 10, height: 10) == 1)
    #expect(BoundaryIoU.bandWidth(width: 224, height: 224) == 6)
    #expect(BoundaryIoU.bandWidth(width: 1920, height: 1080) == 44)
    #expect(BoundaryIoU.bandWidth(width: 100, height: 75) == 2)  // 2.5, to even
  }

  @Test func refusesDifferentSizes() {
    #expect(throws: MetricError.self) { try Self.score("11", "1/1") }
  }
}
