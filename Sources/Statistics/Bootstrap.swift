import Metrics
import Torch

/// Percentile intervals by resampling (Efron, 1979).
public enum Bootstrap {
  /// The mean of strata means with its interval; groups of cases are resampled within each stratum.
  ///
  /// Cases of one group (a patient's images) stay together. Several sites as strata keep each site's weight.
  /// Pair two methods by giving the differences.
  ///
  /// - Parameters:
  ///   - strata: of each stratum the groups, of each group the cases; empty ones are left out.
  ///   - level: the share of resamples inside the interval.
  ///   - resamples: how many.
  ///   - seed: the same seed gives the same interval.
  /// - Returns: nil when there is no case.
  /// - Throws: `TorchError` when the generator fails.
  public static func mean(
    ofStrata strata: [[[Double]]], level: Double = 0.95, resamples: Int = 2000, seed: UInt64 = 0
  ) throws -> Interval? {
    let strata = strata.map { $0.filter { !$0.isEmpty } }.filter { !$0.isEmpty }
    guard !strata.isEmpty else { return nil }
    let generator = try Generator(seed: seed, for: "bootstrap")
    var totals = try Tensor.zeros([resamples, 1], dtype: .float64)
    for groups in strata {
      let draws = try GroupResampling(groups: groups.count, resamples: resamples, generator: generator)
      let labels = groups.enumerated().flatMap { index, cases in cases.map { _ in index } }
      let cases = Array(groups.joined())
      totals =
        try totals
        + draws.means(GroupSums(Tensor(cases, shape: [cases.count, 1]), of: labels, groups: groups.count))
    }
    let exact = strata.map { groups in
      let cases = groups.joined()
      return cases.reduce(0, +) / Double(cases.count)
    }
    return try intervals(
      of: totals / Double(strata.count), around: [exact.reduce(0, +) / Double(exact.count)], level: level)[0]
  }

  /// The same where every case is a group of its own.
  public static func mean(ofStrata strata: [[Double]], seed: UInt64 = 0) throws -> Interval? {
    try mean(ofStrata: strata.map { $0.map { [$0] } }, seed: seed)
  }

  /// The percentile intervals of several numbers that were resampled together.
  ///
  /// - Parameters:
  ///   - resampled: R×C, a column a number; resamples in which it is NaN, because they hold no case on which it is
  ///     defined, are left out.
  ///   - values: the numbers over all cases, C.
  ///   - level: the share of resamples inside the interval.
  /// - Returns: one a number, nil where its value is nil or no resample defines it.
  /// - Throws: `TorchError` when shapes do not fit.
  public static func intervals(
    of resampled: Tensor, around values: [Double?], level: Double = 0.95
  ) throws -> [Interval?] {
    // NaN sorts behind every number.
    let sorted = try resampled.sorted(dim: 0).values.transposed().doubles()
    let counts = try resampled.equals(resampled).to(.float64).sum([0]).doubles()
    let rows = try resampled.size(0)
    let tail = (1 - level) / 2 * 100
    return values.indices.map { column in
      guard let value = values[column], counts[column] > 0 else { return nil }
      let defined = sorted[column * rows..<column * rows + Int(counts[column])]
      return Interval(
        value: value, low: Percentile.ofSorted(defined, percent: tail),
        high: Percentile.ofSorted(defined, percent: 100 - tail))
    }
  }
}
