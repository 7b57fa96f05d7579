import Metrics
import Statistics
import Torch

/// A way to say how unsure each pixel of a prediction is.
protocol PixelUncertainty: Sendable {
  /// Returns the uncertainty of each pixel.
  ///
  /// - Parameter reading: the prediction of an image of H×W.
  /// - Returns: float32, H×W from 0 (sure) to 1; nil if the prediction lacks what this way needs.
  /// - Throws: `TorchError` if memory is short.
  func callAsFunction(_ reading: Predictor.Reading) throws -> Tensor?
}

/// The names of the ways, as in `calibration.json`.
package enum UncertaintyKind: String, Codable, CaseIterable, Sendable {
  /// The entropy of the calibrated probability.
  case entropy
  /// The spread of the passes: of flips and turns, or of the members of an ensemble.
  case spread
  /// The entropy under Laplace's approximation of the head's last convolution.
  case laplace
}

/// The entropy of the calibrated probability, in bits.
struct EntropyUncertainty: PixelUncertainty {
  /// The calibration.
  let scaling: LogitScaling

  func callAsFunction(_ reading: Predictor.Reading) throws -> Tensor? {
    try Self.entropy(scaling.probabilities(ofLogits: LogitCounts.logits(of: reading.probability)))
  }

  /// Computes the entropy of probabilities in bits, float32.
  static func entropy(_ probability: Tensor) throws -> Tensor {
    let p = try probability.clamped(min: 1e-12, max: 1 - 1e-12)
    let nats = try (p * p.log() + (1 - p) * (1 - p).log()) * -1
    return try (nats / 0.693_147_180_559_945_3).clamped(min: 0, max: 1).to(.float32)
  }
}

/// Twice the standard deviation of the probabilities of several passes.
///
/// The deviation of numbers from 0 to 1 is at most ½, so the result is from 0 to 1. It takes a list
/// of maps and does not ask where they come from: flips and turns (test-time augmentation: Wang et
/// al., Neurocomputing 2019) or members of an ensemble (Lakshminarayanan et al., NeurIPS 2017).
struct SpreadUncertainty: PixelUncertainty {
  func callAsFunction(_ reading: Predictor.Reading) throws -> Tensor? { reading.spread }

  /// Computes the spread of maps of the same shape.
  ///
  /// - Parameter maps: the probabilities of each pass, at least one.
  /// - Returns: float32 of the shape of a map.
  /// - Throws: `TorchError` if the shapes differ.
  static func spread(of maps: [Tensor]) throws -> Tensor {
    try Tensor.stacked(maps).to(.float32).variance([0], correction: 0).squareRoot() * 2
  }
}

/// The entropy of the probability under Laplace's approximation, in bits.
struct LaplaceUncertainty: PixelUncertainty {
  /// The calibration of the adjusted logits.
  let scaling: LogitScaling

  func callAsFunction(_ reading: Predictor.Reading) throws -> Tensor? {
    guard let variance = reading.logitVariance else { return nil }
    let logits = try LogisticLaplace.adjusted(
      LogitCounts.logits(of: reading.probability), variance: variance.to(.float64))
    return try EntropyUncertainty.entropy(scaling.probabilities(ofLogits: logits))
  }
}
