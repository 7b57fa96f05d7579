import Metrics
import Torch

/// Computes percentile intervals by resampling (Efron, 1979).
public enum Bootstrap {
  /// Computes the mean of the strata means and its interval.
  ///
  /// Groups of cases are resampled within each stratum. Cases of one group (the images of a
  /// patient) stay together. Sites as strata keep the weight of each site. To compare two methods
  /// in pairs, pass their differences. With fewer than `IndependentUnits.least` groups in a stratum
  /// the mean has no interval: the draws of that stratum would hide how much its groups vary.
  ///
  /// - Parameters:
  ///   - strata: the groups of each stratum, the cases of each group; empty ones do not count.
  ///   - level: the share of resamples inside the interval.
  ///   - resamples: the number of resamples.
  ///   - seed: the same seed gives the same interval.
  /// - Returns: nil if there is no case.
  /// - Throws: `TorchError` if the generator fails.
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
      of: totals / Double(strata.count), around: [exact.reduce(0, +) / Double(exact.count)],
      shortages: [IndependentUnits.shortage(strata.map(\.count).min() ?? 0)], level: level)[0]
  }

  /// Computes the same if every case is its own group.
  public static func mean(ofStrata strata: [[Double]], seed: UInt64 = 0) throws -> Interval? {
    try mean(ofStrata: strata.map { $0.map { [$0] } }, seed: seed)
  }

  /// Computes the percentile intervals of several numbers that were resampled together.
  ///
  /// - Parameters:
  ///   - resampled: R×C, one column per number. A number is NaN in a resample without a defined
  ///     case; such resamples do not count.
  ///   - values: the numbers over all cases, C.
  ///   - shortages: why a number has no interval, C; nil where the units are enough.
  ///   - level: the share of resamples inside the interval.
  /// - Returns: one interval per number; nil if its value is nil or no resample defines it.
  /// - Throws: `TorchError` if the shapes do not match.
  public static func intervals(
    of resampled: Tensor, around values: [Double?], shortages: [String?], level: Double = 0.95
  ) throws -> [Interval?] {
    // NaN comes after every number in the sort.
    let sorted = try resampled.sorted(dim: 0).values.transposed().doubles()
    let counts = try resampled.equals(resampled).to(.float64).sum([0]).doubles()
    let rows = try resampled.size(0)
    let tail = (1 - level) / 2 * 100
    return values.indices.map { column in
      guard let value = values[column], counts[column] > 0 else { return nil }
      if let shortage = shortages[column] { return Interval(value: value, withoutInterval: shortage) }
      let defined = sorted[column * rows..<column * rows + Int(counts[column])]
      return Interval(
        value: value, low: Percentile.ofSorted(defined, percent: tail),
        high: Percentile.ofSorted(defined, percent: 100 - tail))
    }
  }
}
