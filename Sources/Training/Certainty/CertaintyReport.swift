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

  /// The sums over images, and the certainty and Dice of each.
  struct Sums: Sendable {
    private(set) var reliability: Reliability
    private(set) var before = RiskCounts()
    private(set) var after = RiskCounts()
    private(set) var certainties: [Certainty] = []
    private(set) var dice: [Double] = []

    /// Starts without images.
    ///
    /// - Throws: never, with the standard bins.
    init() throws { reliability = try Reliability() }

    /// Adds an image; another order of the images may change the last bits.
    ///
    /// - Parameters:
    ///   - part: its part.
    ///   - dice: its true Dice.
    /// - Throws: `MetricError` for other bins, which parts never have.
    mutating func add(_ part: Part, dice: Double) throws {
      try reliability.merge(part.reliability)
      before.merge(part.before)
      after.merge(part.after)
      certainties.append(part.certainty)
      self.dice.append(dice)
    }
  }

  /// Summarises images.
  ///
  /// - Parameters:
  ///   - sums: the sums over at least one image.
  ///   - calibration: the calibration.
  /// - Throws: `MetricError` without an image.
  init(_ sums: Sums, _ calibration: Calibration) throws {
    let (certainties, dice) = (sums.certainties, sums.dice)
    model = calibration.model
    calibrated = sums.reliability.summary
    uncertainty = calibration.uncertainty
    pixelAURCBefore = sums.before.curve.area
    pixelAURCAfter = sums.after.curve.area
    // A correction leaves the order of images; its cut to 0 to 1 would make ties.
    images = try DiceCoverage(
      dice: dice, uncertainties: certainties.map { 1 - calibration.dice.image($0.cues) })
    (expected, uncorrected) = calibration.expectedDice(ofSite: certainties.map(\.cues))
    error = dice.reduce(0, +) / Double(max(1, dice.count)) - expected.dice
    unfamiliar = certainties.count { $0.isUnfamiliar }
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
  /// The curves of an image take 6 KiB, with a calibration 38 KiB. So only those of a block of
  /// samples exist at a time.
  ///
  /// - Parameters:
  ///   - samples: images with their references.
  ///   - tolerance: the tolerance of the normalised surface Dice, in pixels or, with a spacing,
  ///     millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - block: the number of samples of a block.
  ///   - processes: the processes that share the samples of a block.
  ///   - progress: receives the number of finished samples and of all, of this process.
  ///   - body: receives the assessments of each sample, one for each class, in the order of samples.
  /// - Returns: the report; nil without a calibration.
  /// - Throws: an error that names the file, or the error of the body.
  func assessWithCertainty(
    _ samples: [Sample], tolerance: Double, spacing: PixelSpacing?, block: Int = 1024,
    _ processes: Processes = .alone, progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void,
    _ body: ([ImageAssessment]) throws -> Void
  ) throws -> CertaintyReport? {
    let blocks = stride(from: 0, to: samples.count, by: block).map {
      $0..<min(samples.count, $0 + block)
    }
    let own = blocks.reduce(0) { $0 + processes.part(of: $1.count).count }
    let (certainty, done) = (certainty, Tally())
    var sums = try CertaintyReport.Sums()
    for block in blocks {
      let found = try processes.inParts(count: block.count) { part in
        try concurrentMap(count: part.count, on: device) { index in
          let sample = samples[block.lowerBound + part.lowerBound + index]
          let one = try self.assessed(sample, certainty, tolerance: tolerance, spacing: spacing)
          progress(done.add(), own)
          return one
        }
      }
      for one in found {
        try body(one.assessments)
        if let part = one.part { try sums.add(part, dice: one.assessments[0].scores.dice) }
      }
    }
    guard let certainty, !samples.isEmpty else { return nil }
    return try CertaintyReport(sums, certainty.calibration)
  }

  private func assessed(
    _ sample: Sample, _ certainty: CertaintyModel?, tolerance: Double, spacing: PixelSpacing?
  ) throws -> Assessed {
    guard let certainty else {
      return Assessed(
        assessments: try assessClasses(sample, tolerance: tolerance, spacing: spacing), part: nil)
    }
    let one = try assess(sample, certainty, tolerance: tolerance, spacing: spacing)
    return Assessed(assessments: [one.assessment], part: one.part)
  }

  private struct Assessed: Codable, Sendable {
    let assessments: [ImageAssessment]
    let part: CertaintyReport.Part?
  }
}
