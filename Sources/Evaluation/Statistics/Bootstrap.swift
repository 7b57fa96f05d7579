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
  /// The mean of strata means with its interval; cases are resampled within each stratum.
  ///
  /// One stratum gives the usual bootstrap of a mean; several sites as strata keep each site's weight. Pair two methods
  /// by giving the differences.
  ///
  /// - Parameters:
  ///   - strata: the cases of each stratum; empty strata are left out.
  ///   - level: the share of resamples inside the interval.
  ///   - resamples: how many.
  ///   - seed: the same seed gives the same interval.
  /// - Returns: nil when there is no case.
  /// - Throws: `TorchError` when the generator fails.
  public static func mean(
    ofStrata strata: [[Double]], level: Double = 0.95, resamples: Int = 2000, seed: UInt64 = 0
  ) throws -> Interval? {
    let strata = strata.filter { !$0.isEmpty }
    guard !strata.isEmpty else { return nil }
    let generator = try Generator(seed: seed, for: "bootstrap")
    var totals = try Tensor.zeros([resamples], dtype: .float64)
    for cases in strata {
      let values = try Tensor(cases)
      let draws = try Tensor.randomIntegers(
        [resamples * cases.count], high: cases.count, generator: generator)
      totals = try totals + values.indexed(draws).reshaped([resamples, cases.count]).mean([1])
    }
    let means = try (totals / Double(strata.count)).doubles().sorted()
    let tail = (1 - level) / 2 * 100
    let exact = strata.map { $0.reduce(0, +) / Double($0.count) }.reduce(0, +) / Double(strata.count)
    return Interval(
      value: exact, low: Percentile.ofSorted(means, percent: tail),
      high: Percentile.ofSorted(means, percent: 100 - tail))
  }
}
