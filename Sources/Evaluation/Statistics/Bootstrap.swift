import Torch

/// A number with the interval that resampling gives it.
public struct Interval: Codable, Equatable, Sendable {
  /// The number over all cases.
  public let value: Double
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  /// Whether zero lies outside: only then is a difference called one.
  public var excludesZero: Bool { low > 0 || high < 0 }

  /// Joins the three numbers.
  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
  }
}

/// Percentile intervals by resampling (Efron, 1979).
public enum Bootstrap {
  /// The mean of strata means with its interval; groups of cases are resampled within each stratum.
  ///
  /// Cases of one group (a patient's images) stay together. Several sites as strata keep each site's weight. Pair two
  /// methods by giving the differences.
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
    var totals = try Tensor.zeros([resamples], dtype: .float64)
    for groups in strata {
      let draws = try Tensor.randomIntegers(
        [resamples * groups.count], high: groups.count, generator: generator)
      func drawn(_ values: [Double]) throws -> Tensor {
        try Tensor(values).indexed(draws).reshaped([resamples, groups.count]).sum([1])
      }
      totals =
        try totals + drawn(groups.map { $0.reduce(0, +) }) / drawn(groups.map { Double($0.count) })
    }
    let means = try (totals / Double(strata.count)).doubles().sorted()
    let tail = (1 - level) / 2 * 100
    let exact = strata.map { groups in
      let cases = groups.joined()
      return cases.reduce(0, +) / Double(cases.count)
    }
    return Interval(
      value: exact.reduce(0, +) / Double(exact.count), low: Percentile.ofSorted(means, percent: tail),
      high: Percentile.ofSorted(means, percent: 100 - tail))
  }

  /// The same where every case is a group of its own.
  public static func mean(ofStrata strata: [[Double]], seed: UInt64 = 0) throws -> Interval? {
    try mean(ofStrata: strata.map { $0.map { [$0] } }, seed: seed)
  }
}
