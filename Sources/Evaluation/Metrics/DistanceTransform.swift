/// Exact Euclidean distances from every pixel to the nearest of a set of sites, in time linear in the pixels.
///
/// Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8 (2012):
/// first the distance within each column, then along each row the lower envelope of the parabolas
/// `((x - u)·a)² + (g(u)·b)²`, one for each column `u` whose nearest site is `g(u)` rows away, `a` and `b` being the steps
/// between columns and rows. In pixels squared distances between pixel centres are whole numbers, so nothing is
/// rounded; with a spacing each is rounded as the sum of two squares is.
public enum DistanceTransform {
  /// The squared distance from every pixel to the nearest site, row by row; 0 at the sites.
  ///
  /// - Parameters:
  ///   - sites: The mask whose set pixels are the sites.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  /// - Returns: `width * height` squared distances, or `nil` when there is no site.
  public static func squaredDistances(to sites: BinaryMask, spacing: PixelSpacing? = nil) -> [Double]? {
    guard !sites.isEmpty else { return nil }
    var result = [Double](repeating: 0, count: sites.pixels.count)
    let width = sites.width
    result.withUnsafeMutableBufferPointer { result in
      forEachRow(of: sites, spacing, where: { _ in true }) { y, row, _, _ in
        for x in 0..<width { result[y * width + x] = row[x] }
      }
    }
    return result
  }

  /// The nearest site of every pixel: its squared distance in pixels, and its place in the mask.
  ///
  /// Of sites equally near it is the one in the leftmost column, and in that column the upper one, as in SciPy's
  /// `distance_transform_edt(return_indices=True)`.
  ///
  /// - Parameter sites: The mask whose set pixels are the sites.
  /// - Returns: `width * height` squared distances and places `y * width + x`, or `nil` when there is no site.
  static func nearestSites(to sites: BinaryMask) -> (squares: [Double], places: [Int])? {
    guard !sites.isEmpty else { return nil }
    let width = sites.width
    var squares = [Double](repeating: 0, count: sites.pixels.count)
    var places = [Int](repeating: 0, count: sites.pixels.count)
    squares.withUnsafeMutableBufferPointer { squares in
      places.withUnsafeMutableBufferPointer { places in
        sites.pixels.withUnsafeBufferPointer { site in
          forEachRow(of: sites, nil, where: { _ in true }) { y, row, columns, heights in
            for x in 0..<width {
              squares[y * width + x] = row[x]
              let column = Int(columns[x])
              let height = Int(heights[column])
              let above = (y - height) * width + column
              places[y * width + x] =
                above >= 0 && site[above] != 0 ? above : (y + height) * width + column
            }
          }
        }
      }
    }
    return (squares, places)
  }

  /// The squared distances from each set pixel of one mask to the nearest set pixel of another.
  ///
  /// Rows without a query are passed over. Neither mask may be empty and both must be of one size.
  static func squaredDistances(
    from queries: BinaryMask, to sites: BinaryMask, spacing: PixelSpacing?
  ) -> [Double] {
    let width = queries.width
    // Every value is stored and then kept or overwritten, with one place to spare: faster than a branch a pixel.
    return [Double](unsafeUninitializedCapacity: queries.count + 1) { result, found in
      queries.pixels.withUnsafeBufferPointer { query in
        forEachRow(
          of: sites, spacing,
          where: { y in
            var any: UInt8 = 0
            for index in (y * width)..<((y + 1) * width) { any |= query[index] }
            return any != 0
          },
          do: { y, row, _, _ in
            for x in 0..<width {
              result[found] = row[x]
              found += Int(query[y * width + x])
            }
          })
      }
    }
  }

  /// Hands over the finished rows that are wanted, from the last to the first.
  ///
  /// `body` is given the row, its squared distances, the column of each pixel's nearest site, and how many rows away each
  /// column's nearest site is.
  @inline(__always)
  private static func forEachRow(
    of sites: BinaryMask, _ spacing: PixelSpacing?, where wanted: (Int) -> Bool,
    do body: (
      Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Int32>, UnsafeBufferPointer<Int32>
    ) -> Void
  ) {
    let width = sites.width
    let height = sites.height
    var columns = distancesFromAbove(sites)
    var envelope = LowerEnvelope(width: width, step: PixelSpacing.steps(spacing))
    columns.withUnsafeMutableBufferPointer { g in
      for y in stride(from: height - 1, through: 0, by: -1) {
        let row = y * width
        if y < height - 1 {
          for index in row..<(row + width) { g[index] = min(g[index], g[index + width] &+ 1) }
        }
        guard wanted(y) else { continue }
        let heights = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(g)[row..<(row + width)])
        envelope.evaluate(heights) { body(y, $0, $1, heights) }
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
