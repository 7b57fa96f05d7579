import Metrics
import Testing
import TestSupport

@Suite struct BinaryMaskTests {
  @Test func keepsItsPixels() throws {
    let mask = try BinaryMask("010/011")
    #expect(mask.width == 3)
    #expect(mask.height == 2)
    #expect(mask.pixels == [0, 1, 0, 0, 1, 1])
    #expect(mask.count == 3)
    #expect(mask[2, 1])
    #expect(!mask[2, 0])
    #expect(!mask.isEmpty)
  }

  @Test(arguments: [(0, 3), (3, 0), (-1, 3), (Int.max, 2)])
  func refusesSidesWithoutArea(width: Int, height: Int) {
    #expect(throws: MetricError.invalidSize(width: width, height: height)) {
      try BinaryMask(width: width, height: height, pixels: [])
    }
  }

  @Test func refusesTheWrongNumberOfPixels() {
    #expect(throws: MetricError.pixelCount(width: 2, height: 2, found: 3)) {
      try BinaryMask(width: 2, height: 2, pixels: [0, 1, 0])
    }
  }

  @Test func refusesPixelsThatAreNotBinary() {
    let error = MetricError.notBinary(value: 255, x: 1, y: 1)
    #expect(throws: error) { try BinaryMask(width: 3, height: 2, pixels: [0, 1, 0, 1, 255, 0]) }
    #expect(error.description.contains("column 1, row 1 is 255"))
  }
}
