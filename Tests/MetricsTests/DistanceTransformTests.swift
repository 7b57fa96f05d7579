import Metrics
import TestSupport
import Testing

@Suite struct DistanceTransformTests {
  @Test func measuresFromOnePixel() throws {
    #expect(
      try DistanceTransform.squaredDistances(to: BinaryMask("000/010/000/000")) == [
        2, 1, 2, 1, 0, 1, 2, 1, 2, 5, 4, 5,
      ])
  }

  @Test func hasNothingToMeasureToInAnEmptyMask() throws {
    #expect(try DistanceTransform.squaredDistances(to: BinaryMask("00/00")) == nil)
  }

  @Test func agreesWithComparingAllPairs() throws {
    var generator = SplitMix(seed: 42)
    for _ in 0..<200 {
      let width = Int.random(in: 1...20, using: &generator)
      let height = Int.random(in: 1...20, using: &generator)
      let density = [0.01, 0.05, 0.3, 0.9].randomElement(using: &generator) ?? 0.3
      let sites = try BinaryMask.random(width: width, height: height, density: density, using: &generator)
      let points = sites.points
      let expected = (0..<(width * height)).map { index in
        points.map { point in
          let (dx, dy) = (point.x - index % width, point.y - index / width)
          return Double(dx * dx + dy * dy)
        }.min()
      }
      let found = DistanceTransform.squaredDistances(to: sites)
      if points.isEmpty {
        #expect(found == nil)
      } else {
        #expect(found == expected.compactMap { $0 }, "\(width)×\(height) \(sites.pixels)")
      }
    }
  }

  @Test func staysExactOverLongDistances() throws {
    var pixels = [UInt8](repeating: 0, count: 3 * 40_000)
    pixels[0] = 1
    let tall = try BinaryMask(width: 3, height: 40_000, pixels: pixels)
    let farthest = 39_999.0 * 39_999 + 4
    #expect(DistanceTransform.squaredDistances(to: tall)?.last == farthest)
    let wide = try BinaryMask(width: 40_000, height: 3, pixels: pixels)
    #expect(DistanceTransform.squaredDistances(to: wide)?.last == farthest)
  }

  #if !DEBUG
    /// A full-size pair in under 100 ms, whatever is in it; the best of five, for the machine is shared.
    @Test(arguments: [0.001, 0.5]) func aFullSizePairTakesUnderATenthOfASecond(density: Double) throws {
      var generator = SplitMix(seed: 3)
      let masks = try (0..<2).map { _ in
        try BinaryMask(
          width: 1920, height: 1080,
          values: (0..<(1920 * 1080)).map { _ in Double.random(in: 0..<1, using: &generator) < density })
      }
      let times = try (0..<5).map { _ in
        try ContinuousClock().measure {
          _ = try SurfaceDistances(prediction: masks[0], reference: masks[1]).hd95
        }
      }
      #expect((times.min() ?? .seconds(1)) < .milliseconds(100))
    }
  #endif
}
