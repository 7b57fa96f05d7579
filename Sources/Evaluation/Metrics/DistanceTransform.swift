/// Exact Euclidean distances from every pixel to the nearest of a set of sites, in time linear in the pixels.
///
/// Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8 (2012):
/// first the distance within each column, then along each row the lower envelope of the parabolas
/// `(x - u)² + g(u)²`, one for each column `u` whose nearest site is `g(u)` rows away. Squared distances between pixel
/// centres are whole numbers, so nothing is rounded.
public enum DistanceTransform {
  /// The squared distance in pixels from every pixel to the nearest site, row by row; 0 at the sites.
  ///
  /// - Parameter sites: The mask whose set pixels are the sites.
  /// - Returns: `width * height` squared distances, or `nil` when there is no site.
  public static func squaredDistances(to sites: BinaryMask) -> [Int]? {
    guard !sites.isEmpty else { return nil }
    var result = [Int](repeating: 0, count: sites.pixels.count)
    let width = sites.width
    result.withUnsafeMutableBufferPointer { result in
      forEachRow(of: sites, where: { _ in true }) { y, row in
        for x in 0..<width { result[y * width + x] = row[x] }
      }
    }
    return result
  }

  /// The squared distances in pixels from each set pixel of one mask to the nearest set pixel of another.
  ///
  /// Rows without a query are passed over. Neither mask may be empty and both must be of one size.
  static func squaredDistances(from queries: BinaryMask, to sites: BinaryMask) -> [Int] {
    let width = queries.width
    // Every value is stored and then kept or overwritten, with one place to spare: faster than a branch a pixel.
    return [Int](unsafeUninitializedCapacity: queries.count + 1) { result, found in
      queries.pixels.withUnsafeBufferPointer { query in
        forEachRow(
          of: sites,
          where: { y in
            var any: UInt8 = 0
            for index in (y * width)..<((y + 1) * width) { any |= query[index] }
            return any != 0
          },
          do: { y, row in
            for x in 0..<width {
              result[found] = row[x]
              found += Int(query[y * width + x])
            }
          })
      }
    }
  }

  /// Hands over the finished rows that are wanted, from the last to the first.
  @inline(__always)
  private static func forEachRow(
    of sites: BinaryMask, where wanted: (Int) -> Bool, do body: (Int, UnsafeMutablePointer<Int>) -> Void
  ) {
    let width = sites.width
    let height = sites.height
    var columns = distancesFromAbove(sites)
    var envelope = LowerEnvelope(width: width)
    columns.withUnsafeMutableBufferPointer { g in
      for y in stride(from: height - 1, through: 0, by: -1) {
        let row = y * width
        if y < height - 1 {
          for index in row..<(row + width) { g[index] = min(g[index], g[index + width] &+ 1) }
        }
        guard wanted(y) else { continue }
        let heights = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(g)[row..<(row + width)])
        envelope.evaluate(heights) { body(y, $0) }
      }
    }
  }

  /// The rows from each pixel up to the nearest site above it in its column, or at least ``LowerEnvelope/none``.
  private static func distancesFromAbove(_ sites: BinaryMask) -> [Int32] {
    let width = sites.width
    return [Int32](unsafeUninitializedCapacity: sites.pixels.count) { g, initialized in
      sites.pixels.withUnsafeBufferPointer { site in
        for x in 0..<width { g[x] = site[x] != 0 ? 0 : LowerEnvelope.none }
        for index in width..<site.count {
          g[index] = site[index] != 0 ? 0 : g[index - width] &+ 1
        }
      }
      initialized = sites.pixels.count
    }
  }
}
