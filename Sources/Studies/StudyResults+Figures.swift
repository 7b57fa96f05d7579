import Metrics
import Statistics
import Storage

extension StudyResults {
  /// One score's figures over cases: the images of a site, or the sites' means in the row over sites.
  ///
  /// An image's score is first averaged over the seeds on which it is defined.
  package struct Figure: Codable, Equatable, Sendable {
    /// Cases on which the score is defined; all other numbers are over these.
    package let count: Int
    /// The mean; nil over no case.
    @Nullable package private(set) var mean: Double?
    /// The sample standard deviation; nil over fewer than two cases.
    @Nullable package private(set) var standardDeviation: Double?
    /// The lower end of the mean's interval; nil over no case.
    @Nullable package private(set) var low: Double?
    /// The upper end of the mean's interval.
    @Nullable package private(set) var high: Double?
    /// The median; nil over no case.
    @Nullable package private(set) var median: Double?
    /// The lower quartile.
    @Nullable package private(set) var lowerQuartile: Double?
    /// The upper quartile.
    @Nullable package private(set) var upperQuartile: Double?
    /// The mean by each seed alone, in the order of the seeds.
    package let bySeed: [Double?]

    /// The mean with its interval.
    package var interval: Interval? {
      guard let mean, let low, let high else { return nil }
      return Interval(value: mean, low: low, high: high)
    }

    init(_ statistics: ScoreStatistics, interval: Interval?, bySeed: [Double?]) {
      count = statistics.count
      mean = statistics.mean
      standardDeviation = statistics.standardDeviation
      low = interval?.low
      high = interval?.high
      median = statistics.median
      lowerQuartile = statistics.lowerQuartile
      upperQuartile = statistics.upperQuartile
      self.bySeed = bySeed
    }

    enum CodingKeys: String, CodingKey {
      case mean, low, high, median
      case count = "n"
      case standardDeviation = "sd"
      case lowerQuartile = "q1"
      case upperQuartile = "q3"
      case bySeed = "by_seed"
    }
  }

  /// What one method scored at one site, or over the sites.
  package struct Score: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// Images.
    package let count: Int
    /// Images without a lesion.
    package let countEmptyReference: Int
    /// Every score.
    package let metrics: [Metric: Figure]
    /// Dice over the images with a lesion, which the rule for empty masks cannot raise.
    package let diceWithLesion: Figure
    /// IoU over the images with a lesion.
    package let iouWithLesion: Figure
    /// Mean Dice of the chosen epochs on the source sites' validation splits; nil without a split.
    @Nullable package private(set) var familiar: Double?

    /// The figures of one score.
    package subscript(metric: Metric) -> Figure? { metrics[metric] }

    init(
      method: String, site: String?, count: Int, countEmptyReference: Int, metrics: [Metric: Figure],
      diceWithLesion: Figure, iouWithLesion: Figure, familiar: Double?
    ) {
      self.method = method
      self.site = site
      self.count = count
      self.countEmptyReference = countEmptyReference
      self.metrics = metrics
      self.diceWithLesion = diceWithLesion
      self.iouWithLesion = iouWithLesion
      self.familiar = familiar
    }

    enum CodingKeys: String, CodingKey {
      case method, site, metrics, familiar
      case count = "n"
      case countEmptyReference = "n_empty_reference"
      case diceWithLesion = "dice_with_lesion"
      case iouWithLesion = "iou_with_lesion"
    }
  }

  /// The figures of all methods on one part of the images of all sites.
  package struct Stratum: Codable, Equatable, Sendable {
    /// By what the images are parted.
    package enum Kind: String, Codable, Sendable, CaseIterable {
      /// Lesion class, where one is stated.
      case lesionClass = "class"
      /// The share of the image that the lesion covers.
      case size
      /// Whether the reference is empty.
      case reference
    }

    /// One method's means over the images of the stratum, averaged over seeds.
    package struct Means: Codable, Equatable, Sendable {
      /// The method.
      package let method: String
      /// Mean Dice with its interval.
      package let dice: Interval
      /// Mean IoU with its interval.
      package let iou: Interval
    }

    /// By what the images are parted.
    package let kind: Kind
    /// The part: a class, `small`, `medium`, `large`, `lesion`, `empty`.
    package let name: String
    /// Images.
    package let count: Int
    /// Patients or sequences.
    package let groups: Int
    /// By method, in the order of the methods.
    package let methods: [Means]

    enum CodingKeys: String, CodingKey {
      case name, groups, methods
      case kind = "by"
      case count = "n"
    }
  }
}
