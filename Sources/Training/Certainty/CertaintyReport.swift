import Datasets
import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// How well a run says how sure it is, at a site with masks.
public struct CertaintyReport: Codable, Sendable {
  /// The hash of the model that the calibration belongs to; nil in a file of an earlier version.
  package let model: String?
  /// The agreement of calibrated probabilities and references.
  public let calibrated: Reliability.Summary
  /// The way that measures the uncertainty of pixels.
  package let uncertainty: UncertaintyKind
  /// The area under the risk-coverage curve of pixels by the entropy of the probability as it is.
  @Nullable public private(set) var pixelAURCBefore: Double?
  /// The same by the chosen way, after calibration.
  @Nullable public private(set) var pixelAURCAfter: Double?
  /// Dice against coverage: images in the order of their expected Dice.
  public let images: DiceCoverage
  /// The estimate of the mean Dice, without the masks.
  package let expected: DiceEstimator.Estimate
  /// The estimate before the correction by folds; nil without one.
  package let uncorrected: Double?
  /// The true mean Dice minus the estimate.
  public let error: Double
  /// The number of images that are unlike every training site.
  public let unfamiliar: Int

  enum CodingKeys: String, CodingKey {
    case model, calibrated, uncertainty, images, expected, uncorrected, error, unfamiliar
    case pixelAURCBefore = "pixel_aurc_before"
    case pixelAURCAfter = "pixel_aurc_after"
  }

  /// What is added up over images.
  struct Part: Codable, Sendable {
    /// The calibrated probabilities against the reference.
    var reliability: Reliability
    /// The wrong pixels by the entropy of the probability as it is.
    var before: RiskCounts
    /// The wrong pixels by the chosen way.
    var after: RiskCounts
    /// The certainty of the image.
    let certainty: Certainty
  }

  /// Summarises images.
  ///
  /// - Parameters:
  ///   - parts: a part for each image, at least one.
  ///   - dice: the true Dice of each.
  ///   - calibration: the calibration.
  /// - Throws: `MetricError` without an image.
  init(_ parts: [Part], dice: [Double], _ calibration: Calibration) throws {
    var (reliability, before, after) = (try Reliability(), RiskCounts(), RiskCounts())
    for part in parts {
      try reliability.merge(part.reliability)
      before.merge(part.before)
      after.merge(part.after)
    }
    model = calibration.model
    calibrated = reliability.summary
    uncertainty = calibration.uncertainty
    pixelAURCBefore = before.curve.area
    pixelAURCAfter = after.curve.area
    // A correction leaves the order of images; its cut to 0 to 1 would make ties.
    images = try DiceCoverage(
      dice: dice, uncertainties: parts.map { 1 - calibration.dice.image($0.certainty.cues) })
    (expected, uncorrected) = calibration.expectedDice(ofSite: parts.map(\.certainty.cues))
    error = dice.reduce(0, +) / Double(max(1, dice.count)) - expected.dice
    unfamiliar = parts.count { $0.certainty.isUnfamiliar }
  }
}

extension Predictor {
  /// Assesses a sample and its certainty from one prediction.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - certainty: the calibration.
  ///   - tolerance: the tolerance of the normalised surface Dice, in pixels or, with a spacing,
  ///     millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  /// - Returns: the assessment, the same as without a calibration, and the part of the report.
  /// - Throws: an error that names the file.
  func assess(
    _ sample: Sample, _ certainty: CertaintyModel, tolerance: Double, spacing: PixelSpacing?
  ) throws -> (assessment: ImageAssessment, part: CertaintyReport.Part) {
    let seen = try look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    let reading = try reading(seen, certainty.probe)
    let expert = try BinaryMask(reference)
    let assessment = try ImageAssessment(
      probability: ProbabilityMap(reading.probability), reference: expert, rule: rule,
      tolerance: tolerance, spacing: spacing)
    let maps = try certainty.maps(reading)
    let mask = try marked(reading.probability)
    let wrong = try LogitCounts.sampled(Self.wrong(mask, reference))
    let entropy = try EntropyUncertainty(scaling: .identity)(reading) ?? maps.uncertainty
    var reliability = try Reliability()
    try reliability.add(ProbabilityMap(maps.calibrated), reference: expert)
    return (
      assessment,
      CertaintyReport.Part(
        reliability: reliability,
        before: try RiskCounts(uncertainty: LogitCounts.sampled(entropy), wrong: wrong),
        after: try RiskCounts(uncertainty: LogitCounts.sampled(maps.uncertainty), wrong: wrong),
        certainty: try certainty.certainty(reading, mask: mask))
    )
  }

  /// Assesses samples in parallel, with their certainty if the run is calibrated.
  ///
  /// - Parameters: as for `assess`, and the processes that share the samples.
  /// - Returns: the assessments of each sample, one for each class, and the report; nil without a
  ///   calibration.
  /// - Throws: an error that names the file.
  func assessWithCertainty(
    _ samples: [Sample], tolerance: Double, spacing: PixelSpacing?, _ processes: Processes = .alone,
    progress: @escaping @Sendable (Int) -> Void
  ) throws -> (assessments: [[ImageAssessment]], report: CertaintyReport?) {
    guard let certainty, !samples.isEmpty else {
      let found = try processes.inParts(count: samples.count) {
        try assessClasses(Array(samples[$0]), tolerance: tolerance, spacing: spacing, progress: progress)
      }
      return (found, nil)
    }
    let done = Tally()
    let found = try processes.inParts(count: samples.count) { part in
      try concurrentMap(count: part.count, on: device) { index in
        let sample = samples[part.lowerBound + index]
        let one = try self.assess(sample, certainty, tolerance: tolerance, spacing: spacing)
        progress(done.add())
        return Assessed(assessment: one.assessment, part: one.part)
      }
    }
    let dice = found.map(\.assessment.scores.dice)
    return (
      found.map { [$0.assessment] }, try CertaintyReport(found.map(\.part), dice: dice, certainty.calibration)
    )
  }

  private struct Assessed: Codable, Sendable {
    let assessment: ImageAssessment
    let part: CertaintyReport.Part
  }
}
