import Metrics
import Statistics
import Storage

extension StudyResults {
  /// The paired difference of two methods in one metric, at one site or over the sites.
  ///
  /// It is candidate minus reference.
  package struct Difference: Codable, Equatable, Sendable {
    /// The Wilcoxon signed-rank test of the paired groups.
    package struct Test: Codable, Equatable, Sendable {
      /// The number of groups that differ.
      package let count: Int
      /// The smaller of the two rank sums.
      package let statistic: Double
      /// The two-sided p-value.
      package let p: Double
      /// `p` after Holm's correction over all tests of the same metric.
      package let holm: Double

      enum CodingKeys: String, CodingKey {
        case statistic, p
        case count = "n"
        case holm = "p_holm"
      }
    }

    /// The score.
    package let metric: Metric
    /// The compared method.
    package let candidate: String
    /// The reference of the comparison.
    package let reference: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// The number of images.
    package let count: Int
    /// The number of patients or sequences, which are the pairs of test, effect size and tally.
    package let groups: Int
    /// The mean over images, averaged over seeds.
    ///
    /// In the row over sites, it is the mean of the site means.
    package let value: Double
    /// The lower end of its interval for these trained models; nil over too few groups.
    @Nullable package private(set) var low: Double?
    /// The upper end.
    @Nullable package private(set) var high: Double?
    /// Why there is no interval; nil if there is one.
    @Nullable package private(set) var reason: String?
    /// Whether this interval excludes zero; only then does the difference count as one.
    package let isDifference: Bool
    /// The value with its interval for new seeds; nil with one seed.
    ///
    /// It has no ends with too few seeds.
    @Nullable package private(set) var overSeeds: Interval?
    /// The value for each seed alone, in the order of the seeds.
    package let bySeed: [Double]
    /// The test; nil if no group differs, or for too few groups.
    @Nullable package private(set) var wilcoxon: Test?
    /// The matched-pairs rank-biserial correlation, −1 to 1; nil if no group differs.
    @Nullable package private(set) var rankBiserial: Double?
    /// The number of groups on which the candidate is better.
    package let wins: Int
    /// The number of groups on which both are the same.
    package let ties: Int
    /// The number of groups on which the candidate is worse.
    package let losses: Int

    /// The value with its interval for these trained models.
    package var interval: Interval {
      if let low, let high { return Interval(value: value, low: low, high: high) }
      return Interval(value: value, withoutInterval: reason ?? "no interval")
    }

    init(
      metric: Metric, candidate: String, reference: String, site: String?, count: Int, interval: Interval,
      overSeeds: Interval?, bySeed: [Double], pairs: [Double], test: Test?
    ) {
      self.metric = metric
      self.candidate = candidate
      self.reference = reference
      self.site = site
      self.count = count
      groups = pairs.count
      value = interval.value
      low = interval.low
      high = interval.high
      reason = interval.reason
      isDifference = interval.excludesZero
      self.overSeeds = overSeeds
      self.bySeed = bySeed
      wilcoxon = test
      rankBiserial = RankBiserial.of(pairs)
      wins = pairs.count { $0 > 0 }
      ties = pairs.count { $0 == 0 }
      losses = pairs.count { $0 < 0 }
    }

    enum CodingKeys: String, CodingKey {
      case metric, candidate, reference, site, groups, value, low, high, reason, wilcoxon, wins, ties, losses
      case count = "n"
      case isDifference = "is_difference"
      case overSeeds = "over_seeds"
      case bySeed = "by_seed"
      case rankBiserial = "rank_biserial"
    }
  }
}
