/// Everything that one prediction of lesion probabilities tells beside its reference.
public struct ImageAssessment: Codable, Equatable, Sendable {
  /// The scores of the mask at a fixed threshold, and which lesions it found.
  public let scores: ImageScores

  /// This image's share of the polyp protocol, which averages over thresholds.
  public let polyp: PolypProtocol

  /// This image's pixels, by how sure the model was of them.
  public let reliability: Reliability

  /// Assesses a prediction.
  ///
  /// - Parameters:
  ///   - probability: Lesion probabilities at the image's own size.
  ///   - reference: What the expert drew.
  ///   - threshold: From which probability on a pixel is lesion.
  ///   - tolerance: Of the normalised surface Dice, in pixels or, with a spacing, millimetres.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  ///   - detectionIoU: The IoU from which on a lesion is found, see ``LesionDetection``.
  ///   - bins: The bins of the reliability curve.
  /// - Throws: ``MetricError`` when the sizes differ, or a setting is out of range.
  public init(
    probability: ProbabilityMap, reference: BinaryMask, threshold: Double = 0.5, tolerance: Double,
    spacing: PixelSpacing? = nil, detectionIoU: Double = LesionDetection.defaultCriterion,
    bins: Int = Reliability.defaultBins
  ) throws {
    scores = try ImageScores(
      prediction: probability.mask(atLeast: threshold), reference: reference, tolerance: tolerance,
      spacing: spacing, detectionIoU: detectionIoU)
    polyp = try PolypProtocol(probability, reference: reference)
    var reliability = try Reliability(bins: bins)
    try reliability.add(probability, reference: reference)
    self.reliability = reliability
  }
}
