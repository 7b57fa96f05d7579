/// Percentiles with linear interpolation between ranks, NumPy's default.
package enum Percentile {
  /// Returns a percentile of values in ascending order; at least one value is required.
  package static func ofSorted(_ values: some RandomAccessCollection<Double>, percent: Double) -> Double {
    func value(_ rank: Int) -> Double { values[values.index(values.startIndex, offsetBy: rank)] }
    let (lower, fraction) = rank(percent, of: values.count)
    guard fraction > 0, lower + 1 < values.count else { return value(lower) }
    return value(lower) + (value(lower + 1) - value(lower)) * fraction
  }

  /// Returns a percentile of the square roots of numbers, at least one and none negative.
  ///
  /// It selects by digits instead of sorting, so the time is linear for any values.
  package static func ofRoots(_ squares: [Double], percent: Double) -> Double {
    let (lower, fraction) = rank(percent, of: squares.count)
    let below = select(rank: lower, from: squares)
    guard fraction > 0, lower + 1 < squares.count else { return below.squareRoot() }
    // The next value in order: the same value again, or the least larger one.
    var (atMost, next) = (0, Double.infinity)
    for square in squares {
      if square <= below { atMost += 1 } else if square < next { next = square }
    }
    if atMost > lower + 1 { next = below }
    return below.squareRoot() + (next.squareRoot() - below.squareRoot()) * fraction
  }

  /// Returns the whole part and the fraction of a rank.
  ///
  /// The rank is `percent` of the way from the first to the last of `count` ordered values.
  private static func rank(_ percent: Double, of count: Int) -> (lower: Int, fraction: Double) {
    let rank = percent / 100 * Double(count - 1)
    let lower = Int(rank.rounded(.down))
    return (lower, rank - Double(lower))
  }

  /// Returns the value at `rank` of the sorted values, found some bits at a time from the highest.
  ///
  /// Numbers that are not negative have the order of their bits. Bits below the lowest used bit of
  /// all values are skipped; for whole numbers these are most bits.
  private static func select(rank: Int, from values: [Double]) -> Double {
    var rank = rank
    var candidates = values.map(\.bitPattern)
    var unread = candidates.reduce(0) { $0 | $1 }
    while unread != 0, candidates.count > 1 {
      let shift = max(0, 64 - unread.leadingZeroBitCount - 11)
      var histogram = [Int](repeating: 0, count: 2048)
      for bits in candidates { histogram[Int(truncatingIfNeeded: (bits & unread) >> shift)] += 1 }
      var digit = 0
      while rank >= histogram[digit] {
        rank -= histogram[digit]
        digit += 1
      }
      candidates = candidates.filter { ($0 & unread) >> shift == digit }
      unread &= (1 << shift) - 1
    }
    return Double(bitPattern: candidates[0])
  }
}
