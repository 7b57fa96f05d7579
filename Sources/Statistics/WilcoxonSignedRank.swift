/// Wilcoxon's two-sided signed-rank test, whose hypothesis is a symmetry of differences about zero.
///
/// With fewer than `IndependentUnits.least` pairs no data can reach p = 0.05; studies give no test
/// then.
///
/// Zeros do not count, and equal sizes share their mean rank. The p-value is exact over all 2ⁿ
/// signs for up to 50 pairs without zeros and ties, and for up to 13 pairs in any case. Otherwise
/// it comes from the normal approximation, with its variance corrected for ties and without a
/// continuity correction. These are the default choices of SciPy's `wilcoxon` (as of 1.17).
public struct WilcoxonSignedRank: Equatable, Sendable {
  /// The number of differences that are not zero.
  public let count: Int
  /// The smaller of the two rank sums.
  public let statistic: Double
  /// The two-sided p-value.
  public let p: Double

  /// Tests differences.
  ///
  /// - Parameter differences: one per pair, independent of each other; the result is nil if all are
  ///   zero.
  public init?(_ differences: [Double]) {
    let ranks = SignedRanks(differences)
    guard !ranks.ranks.isEmpty else { return nil }
    count = ranks.ranks.count
    statistic = min(ranks.positive, ranks.negative)
    let isPlain = ranks.ties.allSatisfy { $0 == 1 } && count == differences.count
    let isExact = differences.count <= (isPlain ? 50 : 13)
    p = isExact ? Self.exact(ranks.ranks, statistic) : Self.approximate(ranks.ties, count, statistic)
  }

  /// Returns twice the chance that random signs give a rank sum of at most `statistic`.
  private static func exact(_ ranks: [Double], _ statistic: Double) -> Double {
    // Mean ranks are whole or half, so twice a rank sum is an index.
    let doubled = ranks.map { Int(2 * $0) }
    var chances = [Double](repeating: 0, count: doubled.reduce(1, +))
    chances[0] = 1
    var highest = 0
    for rank in doubled {
      highest += rank
      for sum in stride(from: highest, through: 0, by: -1) {
        chances[sum] = (chances[sum] + (sum >= rank ? chances[sum - rank] : 0)) / 2
      }
    }
    return min(1, 2 * chances[...Int(2 * statistic)].reduce(0, +))
  }

  private static func approximate(_ ties: [Int], _ count: Int, _ statistic: Double) -> Double {
    let n = Double(count)
    let tied = ties.reduce(0.0) { $0 + Double($1) * (Double($1) * Double($1) - 1) }
    let variance = (n * (n + 1) * (2 * n + 1) - tied / 2) / 24
    return NormalDistribution.twoSided((statistic - n * (n + 1) / 4) / variance.squareRoot())
  }
}
