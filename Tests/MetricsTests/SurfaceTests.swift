import Metrics
import TestSupport
import Testing

@Suite struct SurfaceTests {
  @Test(arguments: [
    ("00000/01110/01110/01110/00000", "00000/01110/01010/01110/00000"),  // the inside is no boundary
    ("1111/1111/1111/1111", "1111/1001/1001/1111"),  // full: the image's frame
    ("000/010/000", "000/010/000"),  // one pixel is its own boundary
    ("0000/1110/1110/1110", "0000/1110/1010/1110"),  // touching two edges
    ("010/111/010", "010/101/010"),  // diagonal neighbours do not count
    ("11/11/11", "11/11/11"), ("1", "1"), ("111", "111"), ("00/00", "00/00"),
  ])
  func takesTheBoundary(mask: String, boundary: String) throws {
    #expect(try BinaryMask(mask).boundary == BinaryMask(boundary))
  }

  @Test func twoEmptyMasksCoincide() throws {
    let empty = try BinaryMask("000/000")
    let surfaces = try SurfaceDistances(prediction: empty, reference: empty)
    #expect(surfaces.hd95 == 0)
    #expect(surfaces.averageSurfaceDistance == 0)
    #expect(try surfaces.normalisedSurfaceDice(tolerance: 0) == 1)
  }

  @Test func oneEmptyMaskLeavesNoDistance() throws {
    let empty = try BinaryMask("000/000")
    let pixel = try BinaryMask("010/000")
    for (prediction, reference) in [(empty, pixel), (pixel, empty)] {
      let surfaces = try SurfaceDistances(prediction: prediction, reference: reference)
      #expect(surfaces.hd95 == nil)
      #expect(surfaces.averageSurfaceDistance == nil)
      #expect(try surfaces.normalisedSurfaceDice(tolerance: 100) == 0)
    }
  }

  @Test func twoPixelsLieAHypotenuseApart() throws {
    let surfaces = try SurfaceDistances(
      prediction: BinaryMask("10000/00000/00000/00000"), reference: BinaryMask("00000/00000/00000/00001"))
    #expect(surfaces.hd95 == 5)
    #expect(surfaces.averageSurfaceDistance == 5)
    #expect(try surfaces.normalisedSurfaceDice(tolerance: 5) == 1)
    #expect(try surfaces.normalisedSurfaceDice(tolerance: 4.999) == 0)
  }

  @Test func takesTheLargerOfTheTwoDirections() throws {
    // Every predicted pixel lies on the reference; the reference's second part is 4 and 5 pixels away.
    let surfaces = try SurfaceDistances(
      prediction: BinaryMask("1100000"), reference: BinaryMask("1100011"))
    #expect(surfaces.squaredFromPrediction.sorted() == [0, 0])
    #expect(surfaces.squaredFromReference.sorted() == [0, 0, 16, 25])
    // 0.95 · 3 = 2.85 of the way along 0, 0, 4, 5.
    #expect(abs((surfaces.hd95 ?? -1) - 4.85) < 1e-12)
    #expect(surfaces.averageSurfaceDistance == 1.5)
    #expect(try surfaces.normalisedSurfaceDice(tolerance: 4) == 5.0 / 6)
  }

  @Test func measuresInMillimetresAndShareOfTheDiagonal() throws {
    // 4 columns of 0.3 mm and 3 rows of 0.3 mm apart; a diagonal of 5 · 0.3 by 4 · 0.3.
    let (first, second) = try (
      BinaryMask("10000/00000/00000/00000"), BinaryMask("00000/00000/00000/00001")
    )
    let even = try SurfaceDistances(
      prediction: first, reference: second, spacing: PixelSpacing(x: 0.3, y: 0.3))
    #expect(abs((even.hd95 ?? 0) - 1.5) < 1e-12)
    #expect(abs((even.hd95Percent ?? 0) - 100 * 5 / 41.0.squareRoot()) < 1e-9)
    #expect(try even.normalisedSurfaceDice(tolerance: 1.5) == 1)
    #expect(try even.normalisedSurfaceDice(tolerance: 1.4999) == 0)
    // 4 · 2 across and 3 · 5 down: 17.
    let uneven = try SurfaceDistances(prediction: first, reference: second, spacing: PixelSpacing(x: 2, y: 5))
    #expect(uneven.hd95 == 17 && uneven.averageSurfaceDistance == 17)
    #expect(abs((uneven.averageSurfaceDistancePercent ?? 0) - 1700 / 500.0.squareRoot()) < 1e-9)
    #expect(uneven.diagonal == 500.0.squareRoot())
  }

  @Test func threeTenthsOfAMillimetreAreWithinTheTolerance() throws {
    let surfaces = try SurfaceDistances(
      prediction: BinaryMask("1000"), reference: BinaryMask("0001"), spacing: PixelSpacing(x: 0.1, y: 0.1))
    #expect(try surfaces.normalisedSurfaceDice(tolerance: 0.3) == 1)
  }

  @Test(arguments: [(0, 1), (1, -1), (.nan, 1), (1, .infinity)] as [(Double, Double)])
  func refusesASpacingThatIsNoLength(x: Double, y: Double) {
    let error = #expect(throws: MetricError.self) { try PixelSpacing(x: x, y: y) }
    #expect(error?.description.contains("spacing") == true)
  }

  @Test(arguments: [-1, Double.nan, .infinity])
  func refusesAToleranceThatIsNoDistance(tolerance: Double) throws {
    let pixel = try BinaryMask("010")
    let surfaces = try SurfaceDistances(prediction: pixel, reference: pixel)
    let error = #expect(throws: MetricError.self) { try surfaces.normalisedSurfaceDice(tolerance: tolerance) }
    #expect(error?.description.contains("tolerance") == true)
  }

  @Test func agreesWithComparingAllPairs() throws {
    var generator = SplitMix(seed: 7)
    for _ in 0..<150 {
      let width = Int.random(in: 1...24, using: &generator)
      let height = Int.random(in: 1...24, using: &generator)
      let density = [0.02, 0.3, 0.95].randomElement(using: &generator) ?? 0.3
      let first = try BinaryMask.random(width: width, height: height, density: density, using: &generator)
      let second = try BinaryMask.random(width: width, height: height, density: 0.5, using: &generator)
      let surfaces = try SurfaceDistances(prediction: first, reference: second)
      guard !first.isEmpty, !second.isEmpty else { continue }
      let forward = Self.squares(from: first.boundary, to: second.boundary)
      let backward = Self.squares(from: second.boundary, to: first.boundary)
      #expect(surfaces.squaredFromPrediction.sorted() == forward)
      #expect(surfaces.squaredFromReference.sorted() == backward)
      let expected = max(Self.percentile95(forward), Self.percentile95(backward))
      #expect(abs((surfaces.hd95 ?? -1) - expected) < 1e-12)
    }
  }

  @Test func agreesWithComparingAllPairsInMillimetres() throws {
    var generator = SplitMix(seed: 8)
    for _ in 0..<150 {
      let width = Int.random(in: 1...24, using: &generator)
      let height = Int.random(in: 1...24, using: &generator)
      let density = [0.02, 0.3, 0.95].randomElement(using: &generator) ?? 0.3
      let first = try BinaryMask.random(width: width, height: height, density: density, using: &generator)
      let second = try BinaryMask.random(width: width, height: height, density: 0.5, using: &generator)
      let spacing = try PixelSpacing(
        x: .random(in: 0.05...3, using: &generator), y: .random(in: 0.05...3, using: &generator))
      let surfaces = try SurfaceDistances(prediction: first, reference: second, spacing: spacing)
      guard !first.isEmpty, !second.isEmpty else { continue }
      let expected = Self.squares(from: first.boundary, to: second.boundary, spacing)
      for (found, wanted) in zip(surfaces.squaredFromPrediction.sorted(), expected) {
        #expect(abs(found - wanted) <= 1e-12 * max(1, wanted))
      }
      #expect(surfaces.squaredFromPrediction.count == expected.count)
    }
  }

  private static func squares(
    from first: BinaryMask, to second: BinaryMask, _ spacing: PixelSpacing? = nil
  ) -> [Double] {
    let targets = second.points
    return first.points.map { p in
      targets.map {
        let (dx, dy) = (Double($0.x - p.x) * (spacing?.x ?? 1), Double($0.y - p.y) * (spacing?.y ?? 1))
        return dx * dx + dy * dy
      }.min() ?? -1
    }.sorted()
  }

  private static func percentile95(_ sorted: [Double]) -> Double {
    let rank = 0.95 * Double(sorted.count - 1)
    let lower = Int(rank)
    let upper = min(lower + 1, sorted.count - 1)
    let (a, b) = (sorted[lower].squareRoot(), sorted[upper].squareRoot())
    return a + (b - a) * (rank - Double(lower))
  }
}
