import Storage

/// The scores of many images in one table.
///
/// Its counts and its rule for empty masks make the means understandable.
public struct ScoreSummary: Codable, Equatable, Sendable {
  /// The number of images.
  public let count: Int

  /// The number of images whose reference shows a lesion.
  public let countWithLesion: Int

  /// The number of images whose reference is empty.
  public let countEmptyReference: Int

  /// Each score over all images on which it is defined.
  public let metrics: [Metric: ScoreStatistics]

  /// Each score over the images with a lesion on which it is defined.
  ///
  /// The rule for empty masks cannot raise it there.
  public let metricsWithLesion: [Metric: ScoreStatistics]

  /// Mean Dice over the images with a lesion; `nil` if there are none.
  @Nullable public private(set) var meanDiceWithLesion: Double?

  /// Mean IoU over the images with a lesion; `nil` if there are none.
  @Nullable public private(set) var meanIoUWithLesion: Double?

  /// The lesions found, missed and falsely marked.
  public let detection: LesionDetection.Summary

  /// The tolerance of the surface Dice, in ``distanceUnit``; `nil` over no image.
  @Nullable public private(set) var tolerance: Double?

  /// The unit of distances; `nil` over no image.
  @Nullable public private(set) var distanceUnit: DistanceUnit?

  /// The rule for empty masks as text, ``EmptyMaskPolicy/statement``.
  public let policy: String

  /// Summarises the scores of some images; without images, every mean is `nil`.
  ///
  /// - Parameter scores: The scores of each image, in any order.
  /// - Throws: ``MetricError`` if images differ in tolerance, unit of distances or criterion of
  ///   detection.
  public init(of scores: [ImageScores]) throws {
    let tolerance = scores.first?.tolerance
    for score in scores {
      if let tolerance, score.tolerance != tolerance {
        throw MetricError.mixedTolerances(tolerance, score.tolerance)
      }
    }
    let units = Set(scores.map(\.distanceUnit))
    guard units.count <= 1 else { throw MetricError.mixedUnits }
    let withLesion = scores.filter { !$0.referenceIsEmpty }
    count = scores.count
    countWithLesion = withLesion.count
    countEmptyReference = scores.count - withLesion.count
    metrics = Self.statistics(scores)
    metricsWithLesion = Self.statistics(withLesion)
    meanDiceWithLesion = ScoreStatistics(of: withLesion.map(\.dice)).mean
    meanIoUWithLesion = ScoreStatistics(of: withLesion.map(\.iou)).mean
    detection = try LesionDetection.Summary(of: scores.map(\.detection))
    self.tolerance = tolerance
    distanceUnit = units.first
    policy = EmptyMaskPolicy.statement
  }

  private static func statistics(_ scores: [ImageScores]) -> [Metric: ScoreStatistics] {
    Dictionary(
      uniqueKeysWithValues: Metric.allCases.map { metric in
        (metric, ScoreStatistics(of: scores.map { $0[metric] }))
      })
  }

  private enum CodingKeys: String, CodingKey {
    case count = "n"
    case countWithLesion = "n_with_lesion"
    case countEmptyReference = "n_empty_reference"
    case metrics, detection
    case metricsWithLesion = "metrics_with_lesion"
    case meanDiceWithLesion = "dice_with_lesion"
    case meanIoUWithLesion = "iou_with_lesion"
    case tolerance = "nsd_tolerance"
    case distanceUnit = "distance_unit"
    case policy = "empty_mask_policy"
  }
}
