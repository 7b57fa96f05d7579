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

  /// Millimetres per pixel; `nil` where it is not known and distances are in pixels.
  public let spacing: PixelSpacing?

  /// Which lesions were found.
  public let detection: LesionDetection

  /// The share of all pixels that the reference has set.
  public let referenceShare: Double

  /// Whether the reference has no pixel set.
  public let referenceIsEmpty: Bool

  /// Whether the prediction has no pixel set.
  public let predictionIsEmpty: Bool

  /// What distances and the tolerance are counted in.
  public var distanceUnit: DistanceUnit { spacing == nil ? .pixels : .millimetres }

  /// Scores a prediction against its reference.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  ///   - tolerance: The distance within which surface Dice counts a boundary as right, in millimetres when
  ///     the spacing is given, else in pixels.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  ///   - detectionIoU: The IoU from which on a lesion is found, see ``LesionDetection``.
  /// - Throws: ``MetricError`` when the masks differ in size, the tolerance is negative or not finite, or the
  ///   IoU is out of range.
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
  /// - Parameter encoder: Where to write.
  /// - Throws: What the encoder throws.
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
