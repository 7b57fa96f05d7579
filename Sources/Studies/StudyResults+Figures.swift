import Metrics
import Statistics
import Storage

extension StudyResults {
  /// The statistics of one score over cases.
  ///
  /// The cases are the images of a site, or the site means in the row over sites. The score of an
  /// image is first averaged over the seeds on which it is defined.
  package struct Figure: Codable, Equatable, Sendable {
    /// The number of cases on which the score is defined; all other values are over these.
    package let count: Int
    /// The mean; nil over no case.
    @Nullable package private(set) var mean: Double?
    /// The sample standard deviation; nil over fewer than two cases.
    @Nullable package private(set) var standardDeviation: Double?
    /// The lower end of the mean's interval; nil over no case, or too few independent ones.
    @Nullable package private(set) var low: Double?
    /// The upper end of the mean's interval.
    @Nullable package private(set) var high: Double?
    /// Why the mean has no interval; nil if it has one, or no mean.
    @Nullable package private(set) var reason: String?
    /// The median; nil over no case.
    @Nullable package private(set) var median: Double?
    /// The lower quartile.
    @Nullable package private(set) var lowerQuartile: Double?
    /// The upper quartile.
    @Nullable package private(set) var upperQuartile: Double?
    /// The mean for each seed alone, in the order of the seeds.
    package let bySeed: [Double?]

    /// The mean with its interval, if it has one.
    package var interval: Interval? {
      guard let mean else { return nil }
      if let reason { return Interval(value: mean, withoutInterval: reason) }
      guard let low, let high else { return nil }
      return Interval(value: mean, low: low, high: high)
    }

    init(_ statistics: ScoreStatistics, interval: Interval?, bySeed: [Double?]) {
      count = statistics.count
      mean = statistics.mean
      standardDeviation = statistics.standardDeviation
      low = interval?.low
      high = interval?.high
      reason = interval?.reason
      median = statistics.median
      lowerQuartile = statistics.lowerQuartile
      upperQuartile = statistics.upperQuartile
      self.bySeed = bySeed
    }

    enum CodingKeys: String, CodingKey {
      case mean, low, high, reason, median
      case count = "n"
      case standardDeviation = "sd"
      case lowerQuartile = "q1"
      case upperQuartile = "q3"
      case bySeed = "by_seed"
    }
  }

  /// The scores of one method at one site, or over the sites.
  package struct Score: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// The number of images.
    package let count: Int
    /// The number of images without a lesion.
    package let countEmptyReference: Int
    /// Every score.
    package let metrics: [Metric: Figure]
    /// Every score over the images with a lesion.
    ///
    /// There, a mask that is empty has no distance in place of the distance 0.
    package let metricsWithLesion: [Metric: Figure]
    /// Dice over the images with a lesion, which the rule for empty masks cannot raise.
    package let diceWithLesion: Figure
    /// IoU over the images with a lesion.
    package let iouWithLesion: Figure
    /// The mean Dice of the chosen epochs on the source sites' validation splits.
    ///
    /// It is nil without a split.
    @Nullable package private(set) var familiar: Double?

    /// Returns the statistics of one score.
    package subscript(metric: Metric) -> Figure? { metrics[metric] }

    init(
      method: String, site: String?, count: Int, countEmptyReference: Int, metrics: [Metric: Figure],
      metricsWithLesion: [Metric: Figure], diceWithLesion: Figure, iouWithLesion: Figure, familiar: Double?
    ) {
      self.method = method
      self.site = site
      self.count = count
      self.countEmptyReference = countEmptyReference
      self.metrics = metrics
      self.metricsWithLesion = metricsWithLesion
      self.diceWithLesion = diceWithLesion
      self.iouWithLesion = iouWithLesion
      self.familiar = familiar
    }

    enum CodingKeys: String, CodingKey {
      case method, site, metrics, familiar
      case count = "n"
      case countEmptyReference = "n_empty_reference"
      case metricsWithLesion = "metrics_with_lesion"
      case diceWithLesion = "dice_with_lesion"
      case iouWithLesion = "iou_with_lesion"
    }
  }

  /// The scores of all methods on one subset of the images of all sites.
  package struct Stratum: Codable, Equatable, Sendable {
    /// The property that divides the images.
    package enum Kind: String, Codable, Sendable, CaseIterable {
      /// The lesion class, if stated.
      case lesionClass = "class"
      /// The share of the image that the lesion covers.
      case size
      /// Whether the reference is empty.
      case reference
    }

    /// The means of one method over the images of the stratum, averaged over seeds.
    package struct Means: Codable, Equatable, Sendable {
      /// The method.
      package let method: String
      /// Mean Dice with its interval.
      package let dice: Interval
      /// Mean IoU with its interval.
      package let iou: Interval
    }

    /// The property that divides the images.
    package let kind: Kind
    /// The subset: a class, `small`, `medium`, `large`, `lesion`, `empty`.
    package let name: String
    /// The number of images.
    package let count: Int
    /// The number of patients or sequences.
    package let groups: Int
    /// The means by method, in the order of the methods.
    package let methods: [Means]

    enum CodingKeys: String, CodingKey {
      case name, groups, methods
      case kind = "by"
      case count = "n"
    }
  }
}
