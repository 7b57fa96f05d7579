/// Every score of one image; undefined scores are `nil` here and `null` in JSON, see ``EmptyMaskPolicy``.
public struct ImageScores: Codable, Equatable, Sendable {
  /// The Dice coefficient.
  public let dice: Double

  /// Intersection over union.
  public let iou: Double

  /// The share of pixels on which the masks agree.
  public let accuracy: Double

  /// The share of predicted pixels that are right.
  public let precision: Double?

  /// The share of the reference that was found.
  public let recall: Double?

  /// The share of the background that was left alone.
  public let specificity: Double?

  /// The 95th percentile Hausdorff distance, in pixels.
  public let hd95: Double?

  /// The average symmetric surface distance, in pixels.
  public let averageSurfaceDistance: Double?

  /// The normalised surface Dice at ``tolerance``.
  public let normalisedSurfaceDice: Double

  /// The tolerance of ``normalisedSurfaceDice``, in pixels.
  public let tolerance: Double

  /// Whether the reference has no pixel set.
  public let referenceIsEmpty: Bool

  /// Whether the prediction has no pixel set.
  public let predictionIsEmpty: Bool

  /// Scores a prediction against its reference.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  ///   - tolerance: The distance in pixels within which surface Dice counts a boundary as right.
  /// - Throws: ``MetricError`` when the masks differ in size, or the tolerance is negative or not finite.
  public init(prediction: BinaryMask, reference: BinaryMask, tolerance: Double) throws {
    let overlap = try OverlapCounts(prediction: prediction, reference: reference)
    let surfaces = try SurfaceDistances(prediction: prediction, reference: reference)
    dice = overlap.dice
    iou = overlap.iou
    accuracy = overlap.accuracy
    precision = overlap.precision
    recall = overlap.recall
    specificity = overlap.specificity
    hd95 = surfaces.hd95
    averageSurfaceDistance = surfaces.averageSurfaceDistance
    normalisedSurfaceDice = try surfaces.normalisedSurfaceDice(tolerance: tolerance)
    self.tolerance = tolerance
    referenceIsEmpty = overlap.referenceIsEmpty
    predictionIsEmpty = overlap.predictionIsEmpty
  }

  /// One score by its name.
  ///
  /// - Parameter metric: The score that is asked for.
  /// - Returns: Its value, or `nil` where it is undefined.
  public subscript(metric: Metric) -> Double? {
    switch metric {
    case .dice: return dice
    case .iou: return iou
    case .accuracy: return accuracy
    case .precision: return precision
    case .recall: return recall
    case .specificity: return specificity
    case .hd95: return hd95
    case .asd: return averageSurfaceDistance
    case .nsd: return normalisedSurfaceDice
    }
  }

  private enum CodingKeys: String, CodingKey {
    case dice, iou, accuracy, precision, recall, specificity, hd95
    case averageSurfaceDistance = "asd"
    case normalisedSurfaceDice = "nsd"
    case tolerance = "nsd_tolerance"
    case referenceIsEmpty = "reference_empty"
    case predictionIsEmpty = "prediction_empty"
  }

  /// Writes every key, with `null` for an undefined score.
  ///
  /// - Parameter encoder: Where to write.
  /// - Throws: What the encoder throws.
  public func encode(to encoder: any Encoder) throws {
    var metrics = encoder.container(keyedBy: Metric.self)
    for metric in Metric.allCases { try metrics.encode(self[metric], forKey: metric) }
    var rest = encoder.container(keyedBy: CodingKeys.self)
    try rest.encode(tolerance, forKey: .tolerance)
    try rest.encode(referenceIsEmpty, forKey: .referenceIsEmpty)
    try rest.encode(predictionIsEmpty, forKey: .predictionIsEmpty)
  }
}
