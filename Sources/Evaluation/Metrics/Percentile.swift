/// Percentiles with linear interpolation between ranks, NumPy's default.
enum Percentile {
  /// A percentile of values that are in ascending order and not none.
  static func ofSorted(_ values: [Double], percent: Double) -> Double {
    interpolated(count: values.count, percent: percent) { values[$0] }
  }

  /// A percentile of the square roots of whole numbers, of which there is at least one and none is negative.
  ///
  /// Selects by digits instead of sorting, so the time is linear whatever the values.
  static func ofRoots(_ squares: [Int], percent: Double) -> Double {
    interpolated(count: squares.count, percent: percent) {
      Double(select(rank: $0, from: squares)).squareRoot()
    }
  }

  /// The value at the rank `percent` of the way from the first to the last of `count` ordered values.
  private static func interpolated(count: Int, percent: Double, at value: (Int) -> Double) -> Double {
    let rank = percent / 100 * Double(count - 1)
    let lower = Int(rank.rounded(.down))
    let fraction = rank - Double(lower)
    let below = value(lower)
    guard fraction > 0, lower + 1 < count else { return below }
    return below + (value(lower + 1) - below) * fraction
  }

  /// The value that would stand at `rank` if the values were sorted, found one byte at a time from the highest.
  private static func select(rank: Int, from values: [Int]) -> Int {
    let largest = values.max() ?? 0
    var rank = rank
    var prefix = 0
    var shift = (Int.bitWidth - largest.leadingZeroBitCount + 7) / 8 * 8
    while shift > 0 {
      var histogram = [Int](repeating: 0, count: 256)
      for value in values where value >> shift == prefix {
        histogram[(value >> (shift - 8)) & 255] += 1
      }
      shift -= 8
      var digit = 0
      while rank >= histogram[digit], digit < 255 {
        rank -= histogram[digit]
        digit += 1
      }
      prefix = prefix << 8 | digit
    }
    return prefix
  }
}
