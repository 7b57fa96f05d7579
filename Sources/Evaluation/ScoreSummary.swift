/// The scores of many images in one table, with the counts and the rule that make its means readable.
public struct ScoreSummary: Codable, Equatable, Sendable {
  /// The number of images.
  public let count: Int

  /// The number of images whose reference shows a lesion.
  public let countWithLesion: Int

  /// The number of images whose reference is empty.
  public let countEmptyReference: Int

  /// Each score over all images on which it is defined.
  public let metrics: [Metric: ScoreStatistics]

  /// Mean Dice over the images with a lesion, which the empty-mask rule cannot raise; `nil` when there are none.
  public let meanDiceWithLesion: Double?

  /// Mean IoU over the images with a lesion; `nil` when there are none.
  public let meanIoUWithLesion: Double?

  /// The tolerance of the surface Dice, in pixels; `nil` over no image.
  public let tolerance: Double?

  /// The empty-mask rule in plain words, ``EmptyMaskPolicy/statement``.
  public let policy: String

  /// Summarises the scores of some images; of none, every mean is `nil`.
  ///
  /// - Parameter scores: The scores of each image, in any order.
  /// - Throws: ``MetricError/mixedTolerances(_:_:)`` when surface Dice was taken at different tolerances.
  public init(of scores: [ImageScores]) throws {
    let tolerance = scores.first?.tolerance
    for score in scores {
      if let tolerance, score.tolerance != tolerance {
        throw MetricError.mixedTolerances(tolerance, score.tolerance)
      }
    }
    let withLesion = scores.filter { !$0.referenceIsEmpty }
    count = scores.count
    countWithLesion = withLesion.count
    countEmptyReference = scores.count - withLesion.count
    metrics = Dictionary(
      uniqueKeysWithValues: Metric.allCases.map { metric in
        (metric, ScoreStatistics(of: scores.map { $0[metric] }))
      })
    meanDiceWithLesion = ScoreStatistics(of: withLesion.map(\.dice)).mean
    meanIoUWithLesion = ScoreStatistics(of: withLesion.map(\.iou)).mean
    self.tolerance = tolerance
    policy = EmptyMaskPolicy.statement
  }

  private enum CodingKeys: String, CodingKey {
    case count = "n"
    case countWithLesion = "n_with_lesion"
    case countEmptyReference = "n_empty_reference"
    case metrics
    case meanDiceWithLesion = "dice_with_lesion"
    case meanIoUWithLesion = "iou_with_lesion"
    case tolerance = "nsd_tolerance"
    case policy = "empty_mask_policy"
  }

  /// Writes every key, with `null` for what is undefined.
  ///
  /// - Parameter encoder: Where to write.
  /// - Throws: What the encoder throws.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(count, forKey: .count)
    try container.encode(countWithLesion, forKey: .countWithLesion)
    try container.encode(countEmptyReference, forKey: .countEmptyReference)
    try container.encode(metrics, forKey: .metrics)
    try container.encode(meanDiceWithLesion, forKey: .meanDiceWithLesion)
    try container.encode(meanIoUWithLesion, forKey: .meanIoUWithLesion)
    try container.encode(tolerance, forKey: .tolerance)
    try container.encode(policy, forKey: .policy)
  }
}
