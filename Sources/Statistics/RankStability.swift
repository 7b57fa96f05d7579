import Metrics
import Storage
import Torch

/// The stability of a ranking of methods: their ranks over resamples of the cases.
///
/// Every resample holds the same groups for all methods. Equal means share the better rank. The
/// method follows Wiesenfarth et al., "Methods and open-source toolkit for analyzing and
/// visualizing challenge results", Scientific Reports 11, 2021.
public struct RankStability: Codable, Equatable, Sendable {
  /// The ranks of one method.
  public struct Row: Codable, Equatable, Sendable {
    /// The method.
    public let method: String
    /// Its rank over all cases; 1 is the best.
    public let rank: Int
    /// Its mean rank over the resamples; nil if there are too few units to resample.
    @Nullable public private(set) var mean: Double?
    /// The lower end of the ranks' 95 % interval; nil if there are too few units.
    @Nullable public private(set) var low: Double?
    /// The upper end.
    @Nullable public private(set) var high: Double?
    /// The shares of the resamples in which it has rank 1, 2 and so on; empty with too few units.
    public let shares: [Double]

    init(
      method: String, rank: Int, mean: Double? = nil, low: Double? = nil, high: Double? = nil,
      shares: [Double]
    ) {
      self.method = method
      self.rank = rank
      self.mean = mean
      self.low = low
      self.high = high
      self.shares = shares
    }
  }

  /// The agreement of the resampled rankings with the ranking over all cases.
  ///
  /// It is Kendall's tau-b, which is 1 for equal rankings.
  public struct Agreement: Codable, Equatable, Sendable {
    /// The mean.
    public let mean: Double
    /// The lower end of the 95 % interval.
    public let low: Double
    /// The upper end.
    public let high: Double
  }

  /// The score that ranks the methods.
  public let metric: Metric
  /// One row per method.
  public let methods: [Row]
  /// The agreement with the ranking over all cases; nil if all means are equal, or for too few units.
  @Nullable package private(set) var kendallTau: Agreement?
  /// Why the ranking was not resampled; nil if it was.
  @Nullable public private(set) var reason: String?

  enum CodingKeys: String, CodingKey {
    case metric, methods, reason
    case kendallTau = "kendall_tau"
  }

  /// Ranks methods in every resample.
  ///
  /// - Parameters:
  ///   - metric: the score of the means; a higher one is better.
  ///   - methods: their names, M of them.
  ///   - means: the means over all cases, M.
  ///   - resampled: R×M, one row per resample.
  ///   - shortage: why resamples say nothing, see `IndependentUnits`; nil if the units are enough.
  /// - Throws: `TorchError` if the shapes do not match.
  public init(
    metric: Metric, methods: [String], means: [Double], resampled: Tensor, shortage: String? = nil
  ) throws {
    self.metric = metric
    reason = shortage
    let own = try Self.ranks(Tensor(means).reshaped([1, means.count])).doubles()
    guard shortage == nil else {
      self.methods = zip(methods, own).map { Row(method: $0, rank: Int($1), shares: []) }
      kendallTau = nil
      return
    }
    let ranks = try Self.ranks(resampled)
    let average = try ranks.mean([0]).doubles()
    let shares = try (1...methods.count).map { try ranks.equals(Double($0)).to(.float64).mean([0]).doubles() }
    let enough = methods.map { _ in String?.none }
    let intervals = try Bootstrap.intervals(of: ranks, around: average, shortages: enough)
    self.methods = methods.indices.map { index in
      Row(
        method: methods[index], rank: Int(own[index]), mean: average[index],
        low: intervals[index]?.low ?? average[index], high: intervals[index]?.high ?? average[index],
        shares: shares.map { $0[index] })
    }
    let tau = try Self.kendallTau(resampled, Tensor(means).reshaped([1, means.count]))
    kendallTau = try Bootstrap.intervals(
      of: tau.reshaped([-1, 1]), around: [Self.mean(ofDefined: tau)], shortages: [nil]
    )[0].flatMap { interval in
      interval.ends.map {
        Agreement(mean: interval.value, low: $0.lowerBound, high: $0.upperBound)
      }
    }
  }

  /// Returns the rank of each of M means in each row, R×M.
  ///
  /// The rank is one more than the number of higher means.
  static func ranks(_ means: Tensor) throws -> Tensor {
    try signs(means).greater(than: 0).to(.float64).sum([1]) + 1
  }

  /// Returns Kendall's tau-b of each row of means with one other row; R, NaN if a row is constant.
  static func kendallTau(_ rows: Tensor, _ other: Tensor) throws -> Tensor {
    let (first, second) = (try signs(rows), try signs(other))
    let pairs = try (first * first).sum([1, 2]) * (second * second).sum([1, 2])
    return try (first * second).sum([1, 2]) / pairs.squareRoot()
  }

  /// Compares each pair of each row: 1 if the first is higher, −1 if lower, 0 if equal; R×M×M.
  ///
  /// Means of the same scores may differ in their last digits, because the order of addition
  /// differs.
  private static func signs(_ means: Tensor) throws -> Tensor {
    let differences = try means.expandedDimension(2) - means.expandedDimension(1)
    return try differences.greater(than: 1e-12).to(.float64) - differences.less(than: -1e-12).to(.float64)
  }

  /// Returns the mean of the values that are not NaN; nil if there are none.
  private static func mean(ofDefined values: Tensor) throws -> Double? {
    let defined = try values.equals(values)
    let count = try defined.to(.float64).sum().item()
    return count > 0 ? try defined.choose(values, else: values.zerosLike()).sum().item() / count : nil
  }
}
