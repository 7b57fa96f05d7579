/// The number of pixels at each grey level, in four parts of the image, for lesion and background.
///
/// The centroid of the reference divides the image into the four parts. One pass over the pixels
/// gives the counts. All measures of the polyp protocol except the weighted F-measure follow from
/// them.
struct LevelCounts {
  /// One of the four parts.
  struct Part {
    /// The background pixels by level.
    var background = [Int](repeating: 0, count: 256)
    /// The lesion pixels by level.
    var lesion = [Int](repeating: 0, count: 256)
  }

  /// The parts: upper left, upper right, lower left, lower right.
  let parts: [Part]

  /// The whole image.
  let whole: Part

  /// The value of each level, from 0 to 1.
  let values: [Double]

  /// Counts the pixels of an 8-bit map.
  ///
  /// - Parameters:
  ///   - levels: The map, with as many pixels as the reference.
  ///   - reference: The reference mask of the expert.
  init(_ levels: [UInt8], reference: BinaryMask) {
    let (width, height) = (reference.width, reference.height)
    let split = reference.centroidSplit
    // There are two tables for each part, background before lesion.
    var counts = [Int](repeating: 0, count: 8 * 256)
    levels.withUnsafeBufferPointer { levels in
      reference.pixels.withUnsafeBufferPointer { pixels in
        counts.withUnsafeMutableBufferPointer { counts in
          for y in 0..<height {
            let below = y < split.y ? 0 : 2
            for (part, columns) in [(below, 0..<split.x), (below + 1, split.x..<width)] {
              let table = part * 512
              for index in (y * width + columns.lowerBound)..<(y * width + columns.upperBound) {
                counts[table + Int(pixels[index]) * 256 + Int(levels[index])] += 1
              }
            }
          }
        }
      }
    }
    parts = (0..<4).map { part in
      Part(
        background: Array(counts[(part * 512)..<(part * 512 + 256)]),
        lesion: Array(counts[(part * 512 + 256)..<(part * 512 + 512)]))
    }
    var whole = Part()
    for part in parts {
      for level in 0..<256 {
        whole.background[level] += part.background[level]
        whole.lesion[level] += part.lesion[level]
      }
    }
    self.whole = whole
    values = Self.stretched(whole)
  }

  /// Divides the levels by 255 and stretches them to 0…1; a map of one level stays the same.
  ///
  /// This is MATLAB's `mapminmax(im2double(...))`, which does not change a constant. The order of
  /// operations is that of PySODMetrics, so that levels at a threshold fall on the same side.
  private static func stretched(_ part: Part) -> [Double] {
    let present = (0..<256).filter { part.background[$0] + part.lesion[$0] > 0 }
    let all = (0..<256).map { Double($0) / 255 }
    guard let first = present.first, let last = present.last, first < last else { return all }
    return all.map { min(1, max(0, ($0 - all[first]) / (all[last] - all[first]))) }
  }
}

extension BinaryMask {
  /// The place where the centroid divides the image.
  ///
  /// Columns left of `x` and rows above `y` lie to its left and above it. It is the mean row and
  /// column of the lesion pixels, each rounded (halves to even), plus one: that row and column
  /// belong to the upper left part. (MATLAB's toolbox rounds halves away from zero; PySODMetrics
  /// does the same as here.)
  fileprivate var centroidSplit: (x: Int, y: Int) {
    var (count, columns, rows) = (0, 0, 0)
    pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<height {
        var inRow = 0
        for x in 0..<width where pixels[y * width + x] != 0 {
          inRow += 1
          columns += x
        }
        count += inRow
        rows += inRow * y
      }
    }
    guard count > 0 else { return (width, height) }
    func rounded(_ sum: Int) -> Int {
      Int((Double(sum) / Double(count)).rounded(.toNearestOrEven)) + 1
    }
    return (rounded(columns), rounded(rows))
  }
}

extension LevelCounts.Part {
  /// The number of background pixels.
  var backgroundCount: Int { background.reduce(0, +) }
  /// The number of lesion pixels.
  var lesionCount: Int { lesion.reduce(0, +) }
}
