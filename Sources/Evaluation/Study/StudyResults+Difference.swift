extension StudyResults {
  /// How two methods differ by one metric at one site, or over the sites; candidate minus reference, paired.
  public struct Difference: Codable, Equatable, Sendable {
    /// The Wilcoxon signed-rank test of the paired groups.
    public struct Test: Codable, Equatable, Sendable {
      /// Groups that differ.
      public let count: Int
      /// The smaller of the two rank sums.
      public let statistic: Double
      /// Two-sided.
      public let p: Double
      /// `p` after Holm's correction over all tests of the same metric.
      public let holm: Double

      enum CodingKeys: String, CodingKey {
        case statistic, p
        case count = "n"
        case holm = "p_holm"
      }
    }

    /// The score.
    public let metric: Metric
    /// The method that is compared.
    public let candidate: String
    /// The method that is compared with.
    public let reference: String
    /// The site; nil for the mean over sites.
    @Nullable public private(set) var site: String?
    /// Images.
    public let count: Int
    /// Patients or sequences: the pairs of test, effect size and tally.
    public let groups: Int
    /// The mean over images, seeds averaged; in the row over sites the mean of the sites' means.
    public let value: Double
    /// The lower end of its interval for these trained models.
    public let low: Double
    /// The upper end.
    public let high: Double
    /// Whether that interval excludes zero: only then is a difference called one.
    public let isDifference: Bool
    /// The value with its interval for new seeds; nil with one seed.
    @Nullable public private(set) var overSeeds: Interval?
    /// The value by each seed alone, in the order of the seeds.
    public let bySeed: [Double]
    /// The test; nil when no group differs.
    @Nullable public private(set) var wilcoxon: Test?
    /// The matched-pairs rank-biserial correlation, −1 to 1; nil when no group differs.
    @Nullable public private(set) var rankBiserial: Double?
    /// Groups on which the candidate is better.
    public let wins: Int
    /// Groups on which both are the same.
    public let ties: Int
    /// Groups on which the candidate is worse.
    public let losses: Int

    /// The value with its interval for these trained models.
    public var interval: Interval { Interval(value: value, low: low, high: high) }

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
