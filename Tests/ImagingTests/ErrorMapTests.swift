import Testing

@testable import Imaging

@Suite struct ErrorMapTests {
  private func mask(_ pixels: [UInt8]) throws -> Image {
    try Image(width: 4, height: 1, channels: 1, pixels: pixels)
  }

  @Test("Found, excess and missed have colours of their own; the rest is the picture, grey and dim")
  func colours() throws {
    let picture = try Image(
      width: 4, height: 1, channels: 3, pixels: (0..<4).flatMap { _ in [200, 60, 40] as [UInt8] })
    let map = try ErrorMap.draw(
      prediction: mask([1, 255, 0, 0]), reference: mask([9, 0, 1, 0]), over: picture)
    let pixels = (0..<4).map { Array(map.pixels[3 * $0..<3 * $0 + 3]) }
    // Luma 99 of 256, at 110 of 256: 42.
    #expect(pixels[3] == [42, 42, 42])
    #expect(pixels[0].allSatisfy { $0 > 200 } && Set(pixels[0]).count == 1)
    // Yellow has no blue, and blue no red.
    #expect(pixels[1][0] > 180 && pixels[1][1] > 150 && pixels[1][2] < 50)
    #expect(pixels[2][0] < 50 && pixels[2][1] > 100 && pixels[2][2] > 180)
  }

  @Test("A grey picture will do, and a mask that does not fit is refused")
  func sizes() throws {
    let grey = try mask([0, 50, 100, 255])
    #expect(try ErrorMap.draw(prediction: grey, reference: grey, over: grey).channels == 3)
    let other = try Image(width: 2, height: 2, channels: 1, pixels: [0, 0, 0, 0])
    #expect(throws: ImagingError.self) {
      try ErrorMap.draw(prediction: other, reference: grey, over: grey)
    }
    #expect(throws: ImagingError.self) {
      try ErrorMap.draw(prediction: grey, reference: grey.rgb, over: grey)
    }
  }
}
