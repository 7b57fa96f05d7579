/// Exact Euclidean distances from every pixel to the nearest site, in time linear in the pixels.
///
/// Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8
/// (2012). It first computes the distance within each column. Then it computes, along each row, the
/// lower envelope of the parabolas `((x - u)·a)² + (g(u)·b)²`. There is one parabola for each
/// column `u` whose nearest site is `g(u)` rows away; `a` and `b` are the steps between columns and
/// rows. In pixels, squared distances between pixel centres are whole numbers, so nothing is
/// rounded. With a spacing, each is rounded like a sum of two squares.
package enum DistanceTransform {
  /// Computes the squared distance from every pixel to the nearest site, row by row.
  ///
  /// - Parameters:
  ///   - sites: The mask; its pixels of value 1 are the sites.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  /// - Returns: `width * height` squared distances, 0 at the sites, or `nil` if there is no site.
  package static func squaredDistances(to sites: BinaryMask, spacing: PixelSpacing? = nil) -> [Double]? {
    guard !sites.isEmpty else { return nil }
    var result = [Double](repeating: 0, count: sites.pixels.count)
    let width = sites.width
    result.withUnsafeMutableBufferPointer { result in
      forEachRow(of: sites, spacing: spacing) { row in
        for x in 0..<width { result[row.y * width + x] = row.squares[x] }
      }
    }
    return result
  }

  /// A finished row: the distance and the place of the nearest site of each pixel.
  ///
  /// Among equally near sites, it is the one in the leftmost column, and in that column the upper
  /// one, as in SciPy's `distance_transform_edt(return_indices=True)`.
  struct Row {
    /// The number of the row.
    let y: Int
    /// The squared distance of the nearest site of each pixel.
    let squares: UnsafeMutablePointer<Double>
    fileprivate let columns: UnsafeMutablePointer<Int32>
    fileprivate let heights: UnsafeBufferPointer<Int32>
    fileprivate let sites: UnsafeBufferPointer<UInt8>

    /// Returns the place `y * width + x` of the site nearest to the pixel in a column of this row.
    @inline(__always)
    func place(_ x: Int) -> Int {
      let column = Int(columns[x])
      let height = Int(heights[column])
      let above = (y - height) * heights.count + column
      return above >= 0 && sites[above] != 0 ? above : (y + height) * heights.count + column
    }
  }

  /// Calls a closure for every row, from the last to the first; never if there is no site.
  @inline(__always)
  static func forEachRow(of sites: BinaryMask, spacing: PixelSpacing? = nil, _ body: (Row) -> Void) {
    guard !sites.isEmpty else { return }
    var envelope = LowerEnvelope(width: sites.width, step: PixelSpacing.steps(spacing))
    sites.pixels.withUnsafeBufferPointer { site in
      forEachRow(of: sites) { y, heights in
        envelope.evaluate(heights) { squares, columns in
          body(Row(y: y, squares: squares, columns: columns, heights: heights, sites: site))
        }
      }
    }
  }

  /// Computes the squared distances from each pixel of one mask to the nearest pixel of another.
  ///
  /// Only pixels of value 1 count. Neither mask may be empty, and both must have the same size.
  static func squaredDistances(
    from queries: BinaryMask, to sites: BinaryMask, spacing: PixelSpacing?
  ) -> [Double] {
    let width = queries.width
    let step = PixelSpacing.steps(spacing)
    var envelope = LowerEnvelope(width: width, step: step)
    // Every value is stored, then kept or overwritten, with one spare place. This is faster than a
    // branch per pixel.
    return [Double](unsafeUninitializedCapacity: queries.count + 1) { result, found in
      queries.pixels.withUnsafeBufferPointer { query in
        forEachRow(of: sites) { y, heights in
          let row = UnsafeBufferPointer(rebasing: query[(y * width)..<((y + 1) * width)])
          switch reach(of: row, heights) {
          case 0 where !row.contains(1): break
          case ...(4 * width):
            for x in 0..<width where row[x] != 0 {
              result[found] = squaredDistance(x, heights, step)
              found += 1
            }
          default:
            envelope.evaluate(heights) { squares, _ in
              for x in 0..<width {
                result[found] = squares[x]
                found += Int(row[x])
              }
            }
          }
        }
      }
    }
  }

  /// Returns the maximum total sideways search of the queries of a row.
  ///
  /// A search goes no farther than the site in the same column.
  @inline(__always)
  private static func reach(of queries: UnsafeBufferPointer<UInt8>, _ heights: UnsafeBufferPointer<Int32>)
    -> Int
  {
    var sum = 0
    for x in queries.indices { sum &+= Int(queries[x]) &* Int(heights[x]) }
    return sum
  }

  /// Finds the squared distance of the nearest site of a pixel.
  ///
  /// It searches sideways as long as a nearer site is possible.
  @inline(__always)
  private static func squaredDistance(
    _ x: Int, _ heights: UnsafeBufferPointer<Int32>, _ step: (x: Double, y: Double)
  ) -> Double {
    func square(_ height: Int32) -> Double {
      let distance = Double(height) * step.y
      return distance * distance
    }
    var best = square(heights[x])
    var aside = 1
    while true {
      let distance = Double(aside) * step.x
      let across = distance * distance
      guard across < best else { return best }
      if x >= aside { best = min(best, across + square(heights[x - aside])) }
      if x + aside < heights.count { best = min(best, across + square(heights[x + aside])) }
      aside += 1
    }
  }

  /// Calls a closure for each row, from the last up.
  ///
  /// The closure receives the row distance of the nearest site in each column.
  @inline(__always)
  private static func forEachRow(of sites: BinaryMask, _ body: (Int, UnsafeBufferPointer<Int32>) -> Void) {
    let width = sites.width
    let height = sites.height
    var columns = distancesFromAbove(sites)
    columns.withUnsafeMutableBufferPointer { g in
      for y in stride(from: height - 1, through: 0, by: -1) {
        let row = y * width
        if y < height - 1 {
          for index in row..<(row + width) { g[index] = min(g[index], g[index + width] &+ 1) }
        }
        body(y, UnsafeBufferPointer(rebasing: UnsafeBufferPointer(g)[row..<(row + width)]))
      }
    }
  }

  /// Returns the rows from each pixel up to the nearest site above it in its column.
  ///
  /// Without a site the value is at least ``LowerEnvelope/none``.
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
