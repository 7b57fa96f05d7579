/// The matched-pairs rank-biserial correlation: an effect size for the signed-rank test (Kerby, "The simple
/// difference formula", 2014).
public enum RankBiserial {
  /// The share of the rank sum that favours the first of each pair, less the share that favours the second.
  ///
  /// - Parameter differences: first minus second, one a pair; zeros are left out.
  /// - Returns: 1 when every difference is positive, −1 when every one is negative; nil when all are zero.
  public static func of(_ differences: [Double]) -> Double? {
    let ranks = SignedRanks(differences)
    let total = ranks.positive + ranks.negative
    return total > 0 ? (ranks.positive - ranks.negative) / total : nil
  }
}
