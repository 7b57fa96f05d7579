import Metrics
import Statistics
import Storage

extension StudyResults {
  /// How two methods differ by one metric at one site, or over the sites; candidate minus reference, paired.
  package struct Difference: Codable, Equatable, Sendable {
    /// The Wilcoxon signed-rank test of the paired groups.
    package struct Test: Codable, Equatable, Sendable {
      /// Groups that differ.
      package let count: Int
      /// The smaller of the two rank sums.
      package let statistic: Double
      /// Two-sided.
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
    /// The method that is compared.
    package let candidate: String
    /// The method that is compared with.
    package let reference: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// Images.
    package let count: Int
    /// Patients or sequences: the pairs of test, effect size and tally.
    package let groups: Int
    /// The mean over images, seeds averaged; in the row over sites the mean of the sites' means.
    package let value: Double
    /// The lower end of its interval for these trained models.
    package let low: Double
    /// The upper end.
    package let high: Double
    /// Whether that interval excludes zero: only then is a difference called one.
    package let isDifference: Bool
    /// The value with its interval for new seeds; nil with one seed.
    @Nullable package private(set) var overSeeds: Interval?
    /// The value by each seed alone, in the order of the seeds.
    package let bySeed: [Double]
    /// The test; nil when no group differs.
    @Nullable package private(set) var wilcoxon: Test?
    /// The matched-pairs rank-biserial correlation, −1 to 1; nil when no group differs.
    @Nullable package private(set) var rankBiserial: Double?
    /// Groups on which the candidate is better.
    package let wins: Int
    /// Groups on which both are the same.
    package let ties: Int
    /// Groups on which the candidate is worse.
    package let losses: Int

    /// The value with its interval for these trained models.
    package var interval: Interval { Interval(value: value, low: low, high: high) }

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
      case metric, candidate, reference, site, groups, value, low, high, wilcoxon, wins, ties, losses
      case count = "n"
      case isDifference = "is_difference"
      case overSeeds = "over_seeds"
      case bySeed = "by_seed"
      case rankBiserial = "rank_biserial"
    }
  }
}
