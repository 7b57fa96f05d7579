import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// The expected Dice at a hospital whose images have no masks.
package struct UnlabelledEstimate: Encodable, Sendable {
  /// One image.
  package struct Image: Encodable, Sendable {
    /// The file.
    package let image: String
    /// The number of the frame in the file, from 1; nil for a file of one image.
    package let frame: Int?
    /// Its expected Dice.
    package let expectedDice: Double
    /// Its uncertainty, from 0 to 1.
    package let uncertainty: Double
    /// Its distance from the training sites in units of the threshold; nil if it is not measured.
    @Nullable package private(set) var distance: Double?
    /// The warnings in words.
    package let warnings: [String]

    enum CodingKeys: String, CodingKey {
      case image, frame, uncertainty, distance, warnings
      case expectedDice = "expected_dice"
    }

    /// Makes the value from the certainty of a prediction.
    package init(_ input: PredictionInput, _ certainty: Certainty) {
      image = input.file.path
      frame = input.frame
      expectedDice = certainty.expectedDice
      uncertainty = certainty.uncertainty
      distance = certainty.distance
      warnings = certainty.warnings
    }
  }

  /// The share of unlike images from which the estimate is not to be trusted.
  package static let mostUnfamiliar = 0.5

  /// The name of the folder.
  package let site: String
  /// The mean Dice of the images, with its interval.
  package let expected: DiceEstimator.Estimate
  /// The mean before the correction by folds; nil without one.
  @Nullable package private(set) var uncorrected: Double?
  /// The folds that correct it; nil without any.
  @Nullable package private(set) var folds: FoldErrors?
  /// The way of the estimate.
  package let method: DiceEstimator.Method
  /// The root of the mean squared error at left-out source sites; nil with a single source site.
  @Nullable package private(set) var error: Double?
  /// The number of images that are unlike every training site.
  package let unfamiliar: Int
  /// Whether the estimate may be trusted: fewer than half of the images are unlike every training
  /// site.
  package let isTrusted: Bool
  /// Sentences about the limits of the estimate.
  package let notes: [String]
  /// The images, in the order of the files.
  package let images: [Image]

  enum CodingKeys: String, CodingKey {
    case site, expected, uncorrected, folds, method, error, unfamiliar, notes, images
    case isTrusted = "trusted"
  }

  /// Estimates the mean Dice of predictions.
  ///
  /// - Parameters:
  ///   - site: the name of the folder.
  ///   - inputs: the images.
  ///   - certainties: the certainty of each.
  ///   - calibration: the calibration.
  package init(
    site: String, inputs: [PredictionInput], _ certainties: [Certainty], _ calibration: Calibration
  ) {
    self.site = site
    let found = calibration.expectedDice(ofSite: certainties.map(\.cues))
    (expected, uncorrected, folds) = (found.estimate, found.uncorrected, calibration.folds)
    method = calibration.dice.method
    error = calibration.dice.error
    unfamiliar = certainties.count(where: \.isUnfamiliar)
    let share = Double(unfamiliar) / Double(max(1, certainties.count))
    let isTrusted = share < Self.mostUnfamiliar && found.estimate.low != nil
    self.isTrusted = isTrusted
    images = zip(inputs, certainties).map { Image($0, $1) }
    var notes = calibration.notes
    if share >= Self.mostUnfamiliar {
      notes.append(
        "\(unfamiliar) of \(counted(certainties.count, "image")) are unlike every training site, so this "
          + "estimate is not to be trusted; mark masks of some images and score them")
    }
    self.notes = notes
  }
}

extension Predictor {
  /// Estimates the mean Dice of images without their masks.
  ///
  /// - Parameters:
  ///   - site: the name of the folder.
  ///   - inputs: the images, at least one.
  ///   - run: the run, for messages.
  ///   - processes: the processes that share the images.
  ///   - progress: called with the number of this process's finished images, from any thread.
  /// - Returns: the estimate.
  /// - Throws: `CalibrationError.none` without a calibration, or an error that names an image.
  package func estimate(
    _ site: String, inputs: [PredictionInput], of run: RunFolder, _ processes: Processes = .alone,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> UnlabelledEstimate {
    guard let certainty else { throw CalibrationError.none(run.calibrationFile) }
    let done = Tally()
    let found = try processes.inParts(count: inputs.count) { part in
      try concurrentMap(count: part.count, on: device) { index in
        let input = inputs[part.lowerBound + index]
        let reading = try self.reading(self.look(at: input, keepingPicture: false), certainty.probe)
        progress(done.add())
        return try certainty.certainty(reading, mask: self.marked(reading.probability))
      }
    }
    return UnlabelledEstimate(site: site, inputs: inputs, found, certainty.calibration)
  }
}
