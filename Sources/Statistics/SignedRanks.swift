/// The ranks of paired differences by size, without zeros.
///
/// Equal sizes share the mean of their ranks.
struct SignedRanks {
  /// The sum of the ranks of positive differences.
  let positive: Double
  /// The sum of the ranks of negative differences.
  let negative: Double
  /// The rank of each difference that is not zero, by increasing size.
  let ranks: [Double]
  /// The size of each group of ties, single values included.
  let ties: [Int]

  init(_ differences: [Double]) {
    let ordered = differences.filter { $0 != 0 }.sorted { abs($0) < abs($1) }
    var (positive, negative, ranks, ties) = (0.0, 0.0, [Double](), [Int]())
    var start = 0
    while start < ordered.count {
      var end = start + 1
      while end < ordered.count, abs(ordered[end]) == abs(ordered[start]) { end += 1 }
      // The group has the ranks start + 1 to end.
      let rank = Double(start + 1 + end) / 2
      for difference in ordered[start..<end] {
        if difference > 0 { positive += rank } else { negative += rank }
        ranks.append(rank)
      }
      ties.append(end - start)
      start = end
    }
    (self.positive, self.negative, self.ranks, self.ties) = (positive, negative, ranks, ties)
  }
}
