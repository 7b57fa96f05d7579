/// The matched-pairs rank-biserial correlation: an effect size for the signed-rank test.
///
/// The source is Kerby, "The simple difference formula", 2014.
public enum RankBiserial {
  /// Returns the share of the rank sum for the first of each pair, minus the share for the second.
  ///
  /// - Parameter differences: first minus second, one per pair; zeros do not count.
  /// - Returns: 1 if every difference is positive, −1 if every one is negative; nil if all are
  ///   zero.
  public static func of(_ differences: [Double]) -> Double? {
    let ranks = SignedRanks(differences)
    let total = ranks.positive + ranks.negative
    return total > 0 ? (ranks.positive - ranks.negative) / total : nil
  }
}
