/// Every score of one image.
///
/// Undefined scores are `nil` here and `null` in JSON, see ``EmptyMaskPolicy``.
public struct ImageScores: Codable, Equatable, Sendable {
  /// The Dice coefficient.
  public let dice: Double

  /// Intersection over union.
  public let iou: Double

  /// The share of pixels on which the masks agree.
  public let accuracy: Double

  /// The share of predicted pixels that are correct.
  public let precision: Double?

  /// The share of the reference that the prediction covers.
  public let recall: Double?

  /// The share of the background outside the prediction.
  public let specificity: Double?

  /// Intersection over union of the bands along the boundaries, 2 % of the image's diagonal wide.
  public let boundaryIoU: Double

  /// The 95th percentile Hausdorff distance, in ``distanceUnit``.
  public let hd95: Double?

  /// The 95th percentile Hausdorff distance, in per cent of the image's diagonal.
  public let hd95Percent: Double?

  /// The average symmetric surface distance, in ``distanceUnit``.
  public let averageSurfaceDistance: Double?

  /// The average symmetric surface distance, in per cent of the image's diagonal.
  public let averageSurfaceDistancePercent: Double?

  /// The normalised surface Dice at ``tolerance``.
  public let normalisedSurfaceDice: Double

  /// The tolerance of ``normalisedSurfaceDice``, in ``distanceUnit``.
  public let tolerance: Double

  /// Millimetres per pixel; `nil` if unknown, and then distances are in pixels.
  public let spacing: PixelSpacing?

  /// The counts of found and missed lesions.
  public let detection: LesionDetection

  /// The share of all pixels that belong to the reference.
  public let referenceShare: Double

  /// Whether the reference is empty.
  public let referenceIsEmpty: Bool

  /// Whether the prediction is empty.
  public let predictionIsEmpty: Bool

  /// The share of all pixels that the prediction marks.
  ///
  /// It follows from the stored scores: the wrong pixels are the false marks and what recall lacks.
  public var predictionShare: Double {
    min(1, max(0, 1 - accuracy + referenceShare * (2 * (recall ?? 0) - 1)))
  }

  /// The unit of distances and of the tolerance.
  public var distanceUnit: DistanceUnit { spacing == nil ? .pixels : .millimetres }

  /// Scores a prediction against its reference.
  ///
  /// - Parameters:
  ///   - prediction: The predicted mask.
  ///   - reference: The reference mask of the expert.
  ///   - tolerance: The distance within which surface Dice counts a boundary as correct, in
  ///     millimetres if the spacing is given, otherwise in pixels.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  ///   - detectionIoU: The minimum IoU of a detected lesion, see ``LesionDetection``.
  /// - Throws: ``MetricError`` if the masks differ in size, the tolerance is negative or not
  ///   finite, or the IoU is out of range.
  public init(
    prediction: BinaryMask, reference: BinaryMask, tolerance: Double, spacing: PixelSpacing? = nil,
    detectionIoU: Double = LesionDetection.defaultCriterion
  ) throws {
    let overlap = try OverlapCounts(prediction: prediction, reference: reference)
    let surfaces = try SurfaceDistances(prediction: prediction, reference: reference, spacing: spacing)
    dice = overlap.dice
    iou = overlap.iou
    accuracy = overlap.accuracy
    precision = overlap.precision
    recall = overlap.recall
    specificity = overlap.specificity
    boundaryIoU = try BoundaryIoU.score(prediction: prediction, reference: reference)
    hd95 = surfaces.hd95
    hd95Percent = surfaces.hd95Percent
    averageSurfaceDistance = surfaces.averageSurfaceDistance
    averageSurfaceDistancePercent = surfaces.averageSurfaceDistancePercent
    normalisedSurfaceDice = try surfaces.normalisedSurfaceDice(tolerance: tolerance)
    self.tolerance = tolerance
    self.spacing = spacing
    detection = try LesionDetection(
      prediction: prediction, reference: reference, criterion: detectionIoU)
    referenceShare = Double(overlap.truePositives + overlap.falseNegatives) / Double(reference.pixels.count)
    referenceIsEmpty = overlap.referenceIsEmpty
    predictionIsEmpty = overlap.predictionIsEmpty
  }

  /// Returns one score by its name.
  ///
  /// - Parameter metric: The name of the score.
  /// - Returns: Its value, or `nil` if it is undefined.
  public subscript(metric: Metric) -> Double? {
    switch metric {
    case .dice: return dice
    case .iou: return iou
    case .accuracy: return accuracy
    case .precision: return precision
    case .recall: return recall
    case .specificity: return specificity
    case .boundaryIoU: return boundaryIoU
    case .hd95: return hd95
    case .hd95Percent: return hd95Percent
    case .asd: return averageSurfaceDistance
    case .asdPercent: return averageSurfaceDistancePercent
    case .nsd: return normalisedSurfaceDice
    }
  }

  private enum CodingKeys: String, CodingKey {
    case dice, iou, accuracy, precision, recall, specificity, hd95, spacing, detection
    case boundaryIoU = "boundary_iou"
    case hd95Percent = "hd95_percent"
    case averageSurfaceDistance = "asd"
    case averageSurfaceDistancePercent = "asd_percent"
    case normalisedSurfaceDice = "nsd"
    case tolerance = "nsd_tolerance"
    case referenceShare = "reference_share"
    case referenceIsEmpty = "reference_empty"
    case predictionIsEmpty = "prediction_empty"
  }

  private enum DerivedKeys: String, CodingKey {
    case distanceUnit = "distance_unit"
  }

  /// Writes every key, with `null` for an undefined score.
  ///
  /// - Parameter encoder: The destination.
  /// - Throws: The error of the encoder.
  public func encode(to encoder: any Encoder) throws {
    var metrics = encoder.container(keyedBy: Metric.self)
    for metric in Metric.allCases { try metrics.encode(self[metric], forKey: metric) }
    var rest = encoder.container(keyedBy: CodingKeys.self)
    try rest.encode(tolerance, forKey: .tolerance)
    try rest.encode(spacing, forKey: .spacing)
    try rest.encode(detection, forKey: .detection)
    try rest.encode(referenceShare, forKey: .referenceShare)
    try rest.encode(referenceIsEmpty, forKey: .referenceIsEmpty)
    try rest.encode(predictionIsEmpty, forKey: .predictionIsEmpty)
    var derived = encoder.container(keyedBy: DerivedKeys.self)
    try derived.encode(distanceUnit, forKey: .distanceUnit)
  }
}
