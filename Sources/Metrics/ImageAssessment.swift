/// All measures of one prediction of lesion probabilities against its reference.
public struct ImageAssessment: Codable, Equatable, Sendable {
  /// The scores of the mask, and the detected lesions.
  public let scores: ImageScores

  /// The contribution of this image to the polyp protocol, which averages over thresholds.
  public let polyp: PolypProtocol

  /// The pixels of this image, grouped by predicted probability.
  public let reliability: Reliability

  /// Assesses a prediction.
  ///
  /// - Parameters:
  ///   - probability: Lesion probabilities at the image's own size.
  ///   - reference: The reference mask of the expert.
  ///   - threshold: The rule of lesion pixels.
  ///   - tolerance: Of the normalised surface Dice, in pixels or, with a spacing, millimetres.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  ///   - detectionIoU: The minimum IoU of a detected lesion, see ``LesionDetection``.
  ///   - bins: The number of bins of the reliability curve.
  /// - Throws: ``MetricError`` if the sizes differ, or a setting is out of range; `TorchError` if
  ///   memory is short.
  public init(
    probability: ProbabilityMap, reference: BinaryMask, threshold: MaskThreshold = 0.5, tolerance: Double,
    spacing: PixelSpacing? = nil, detectionIoU: Double = LesionDetection.defaultCriterion,
    bins: Int = Reliability.defaultBins
  ) throws {
    try self.init(
      probability: probability, reference: reference, rule: MaskRule(threshold), tolerance: tolerance,
      spacing: spacing, detectionIoU: detectionIoU, bins: bins)
  }

  /// Assesses a prediction whose mask follows a whole rule.
  ///
  /// - Parameters:
  ///   - probability: Lesion probabilities at the image's own size.
  ///   - reference: The reference mask of the expert.
  ///   - rule: The threshold, the smallest lesion and the holes.
  ///   - tolerance: Of the normalised surface Dice, in pixels or, with a spacing, millimetres.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  ///   - detectionIoU: The minimum IoU of a detected lesion, see ``LesionDetection``.
  ///   - bins: The number of bins of the reliability curve.
  /// - Throws: ``MetricError`` if the sizes differ, or a setting is out of range; `TorchError` if
  ///   memory is short.
  public init(
    probability: ProbabilityMap, reference: BinaryMask, rule: MaskRule, tolerance: Double,
    spacing: PixelSpacing? = nil, detectionIoU: Double = LesionDetection.defaultCriterion,
    bins: Int = Reliability.defaultBins
  ) throws {
    scores = try ImageScores(
      prediction: probability.mask(rule), reference: reference, tolerance: tolerance,
      spacing: spacing, detectionIoU: detectionIoU)
    polyp = try PolypProtocol(probability, reference: reference)
    var reliability = try Reliability(bins: bins)
    try reliability.add(probability, reference: reference)
    self.reliability = reliability
  }
}
