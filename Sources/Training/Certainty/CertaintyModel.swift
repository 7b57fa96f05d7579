import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// How sure the prediction of one image is.
package struct Certainty: Codable, Sendable {
  /// The expected Dice, from 0 to 1.
  package let expectedDice: Double
  /// The entropy of the image in relation to its expected lesion, from 0 to 1.
  package let uncertainty: Double
  /// The distance from the training sites in units of the threshold; nil if it is not measured.
  package let distance: Double?
  /// The numbers that the expected Dice follows from.
  package let cues: DiceCues

  /// Whether the image is unlike every training site.
  package var isUnfamiliar: Bool { distance.map { $0 > 1 } ?? false }

  /// The warnings in words; empty if there are none.
  package var warnings: [String] { isUnfamiliar ? [Self.unfamiliar] : [] }

  /// The warning of an image that is unlike every training site.
  package static let unfamiliar = "unlike every training site"
}

/// The maps of certainty of one image, at its own size.
package struct CertaintyMaps: Sendable {
  /// The calibrated probability of lesion, float32 H×W.
  package let calibrated: Tensor
  /// The uncertainty, float32 H×W from 0 (sure) to 1.
  package let uncertainty: Tensor
}

/// The calibration of a run, ready for use.
package struct CertaintyModel: Sendable {
  /// The calibration.
  package let calibration: Calibration
  let familiarity: Familiarity?
  let probe: CertaintyProbe
  private let way: any PixelUncertainty
  private let entropy: EntropyUncertainty

  /// Makes a model from its parts.
  init(_ calibration: Calibration, _ familiarity: Familiarity?) {
    self.calibration = calibration
    self.familiarity = familiarity
    let laplace = calibration.uncertainty == .laplace ? calibration.laplace : nil
    probe = CertaintyProbe(laplace: laplace?.approximation)
    entropy = EntropyUncertainty(scaling: calibration.scaling)
    way =
      switch calibration.uncertainty {
      case .entropy: entropy
      case .spread: SpreadUncertainty()
      case .laplace: LaplaceUncertainty(scaling: laplace?.scaling ?? calibration.scaling)
      }
  }

  /// Reads the calibration of a run; nil if there is none.
  ///
  /// - Throws: `CalibrationError` that names the file if it is damaged or of another model.
  package static func stored(in run: RunFolder) throws -> CertaintyModel? {
    guard let calibration = try Calibration.stored(in: run) else { return nil }
    let familiarity = try calibration.familiarity.map {
      try Familiarity(run.familiarityFile, $0, model: calibration.model, of: run)
    }
    return CertaintyModel(calibration, familiarity)
  }

  /// Computes the maps of a prediction.
  ///
  /// - Throws: `TorchError` if memory is short.
  func maps(_ reading: Predictor.Reading) throws -> CertaintyMaps {
    CertaintyMaps(
      calibrated: try calibration.scaling
        .probabilities(ofLogits: LogitCounts.logits(of: reading.probability)).to(.float32),
      uncertainty: try uncertainty(reading))
  }

  /// Returns the uncertainty of each pixel, float32 H×W from 0 to 1.
  ///
  /// Without what the chosen way needs, such as flips that `inference` leaves out, it is the
  /// entropy.
  ///
  /// - Throws: `TorchError` if memory is short.
  func uncertainty(_ reading: Predictor.Reading) throws -> Tensor {
    if let found = try way(reading) { return found }
    return try entropy(reading) ?? reading.probability.zerosLike()
  }

  /// Judges the prediction of one image.
  ///
  /// - Parameters:
  ///   - reading: the prediction.
  ///   - mask: its mask, bool H×W.
  /// - Returns: the certainty.
  /// - Throws: `TorchError` if memory is short.
  func certainty(_ reading: Predictor.Reading, mask: Tensor) throws -> Certainty {
    let distance = try familiarity?.distance(reading.pooled)
    let cues = try Self.cues(
      LogitCounts(reading.probability, of: mask), isEmpty: mask.any().item() == 0, calibration.scaling,
      agreement: reading.agreement, distance: distance)
    return Certainty(
      expectedDice: calibration.expectedDice(cues), uncertainty: cues.uncertainty, distance: distance,
      cues: cues)
  }

  /// The cues of a prediction, from its marked pixels by logit.
  static func cues(
    _ marked: LogitCounts, isEmpty: Bool, _ scaling: LogitScaling, agreement: Double?, distance: Double?
  ) -> DiceCues {
    DiceCues(
      softDice: marked.expectedDice(scaling.probability),
      uncertainty: marked.uncertainty(scaling.probability), distance: distance, agreement: agreement,
      isEmpty: isEmpty)
  }
}
