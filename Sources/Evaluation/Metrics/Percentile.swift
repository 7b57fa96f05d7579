/// Percentiles with linear interpolation between ranks, NumPy's default.
enum Percentile {
  /// A percentile of values that are in ascending order and not none.
  static func ofSorted(_ values: some RandomAccessCollection<Double>, percent: Double) -> Double {
    interpolated(count: values.count, percent: percent) {
      values[values.index(values.startIndex, offsetBy: $0)]
    }
  }

  /// A percentile of the square roots of numbers, of which there is at least one and none is negative.
  ///
  /// Selects by digits instead of sorting, so the time is linear whatever the values.
  static func ofRoots(_ squares: [Double], percent: Double) -> Double {
    interpolated(count: squares.count, percent: percent) {
      select(rank: $0, from: squares).squareRoot()
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
  ///
  /// Numbers that are not negative stand in the order of their bits.
  private static func select(rank: Int, from values: [Double]) -> Double {
    var rank = rank
    var prefix: UInt64 = 0
    var histogram = [Int](repeating: 0, count: 256)
    for shift in stride(from: 56, through: 0, by: -8) {
      for digit in 0..<256 { histogram[digit] = 0 }
      // All bits above this byte; none for the first, since a shift by the whole width gives 0.
      for value in values where value.bitPattern >> (shift + 8) == prefix {
        histogram[Int(truncatingIfNeeded: value.bitPattern >> shift) & 255] += 1
      }
      var digit = 0
      while rank >= histogram[digit], digit < 255 {
        rank -= histogram[digit]
        digit += 1
      }
      prefix = prefix << 8 | UInt64(digit)
    }
    return Double(bitPattern: prefix)
  }
}
