/// How many pixels have each grey level, counted apart for lesion and background and for the four parts into
/// which the reference's centroid divides the image.
///
/// One pass over the pixels, from which all measures of the polyp protocol but the weighted F-measure can be
/// read.
struct LevelCounts {
  /// One of the four parts.
  struct Part {
    /// Pixels by level, background.
    var background = [Int](repeating: 0, count: 256)
    /// Pixels by level, lesion.
    var lesion = [Int](repeating: 0, count: 256)
  }

  /// The parts: upper left, upper right, lower left, lower right.
  let parts: [Part]

  /// The whole image.
  let whole: Part

  /// What each level stands for, from 0 to 1.
  let values: [Double]

  /// Counts the pixels of an 8-bit map.
  ///
  /// - Parameters:
  ///   - levels: The map, as many pixels as the reference.
  ///   - reference: What the expert drew.
  init(_ levels: [UInt8], reference: BinaryMask) {
    let (width, height) = (reference.width, reference.height)
    let split = reference.centroidSplit
    // Two tables for each part, background before lesion.
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

  /// The levels over 255, stretched so that the least that occurs is 0 and the greatest 1; a map of one level
  /// stays.
  ///
  /// MATLAB's `mapminmax(im2double(...))`, which leaves a constant alone. Computed in the order of
  /// PySODMetrics, so that levels which fall on a threshold fall to the same side.
  private static func stretched(_ part: Part) -> [Double] {
    let present = (0..<256).filter { part.background[$0] + part.lesion[$0] > 0 }
    let all = (0..<256).map { Double($0) / 255 }
    guard let first = present.first, let last = present.last, first < last else { return all }
    return all.map { min(1, max(0, ($0 - all[first]) / (all[last] - all[first]))) }
  }
}

extension BinaryMask {
  /// Where the centroid divides the image: columns left of `x` and rows above `y` lie to its left and above
  /// it.
  ///
  /// The mean row and column of the set pixels, each rounded (halves to even), and one more: that row and
  /// column belong to the upper left part. (MATLAB's toolbox rounds halves away from zero; PySODMetrics as
  /// here.)
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
  /// Background pixels.
  var backgroundCount: Int { background.reduce(0, +) }
  /// Lesion pixels.
  var lesionCount: Int { lesion.reduce(0, +) }
}
