import Metrics
import Torch

/// The prediction for one frame of a video.
package struct FramePrediction: Sendable {
  /// The lesion probability at the frame's own size, float32 H×W, with several classes K×H×W.
  package let probability: Tensor
  /// The expected Dice; nil without a calibration.
  package var expectedDice: Double?
  /// The uncertainty of the frame; nil without a calibration.
  package var uncertainty: Double?
  /// The distance from the training sites; nil without a calibration.
  package var distance: Double?
  /// The warnings of the calibration.
  package var warnings: [String]

  /// Makes a prediction from its parts.
  package init(
    probability: Tensor, expectedDice: Double? = nil, uncertainty: Double? = nil, distance: Double? = nil,
    warnings: [String] = []
  ) {
    self.probability = probability
    (self.expectedDice, self.uncertainty, self.distance) = (expectedDice, uncertainty, distance)
    self.warnings = warnings
  }
}

/// A model that segments single frames; several threads may share it.
package protocol FramePredictor: Sendable {
  /// The device of the computation.
  var device: Device { get }
  /// The rule of masks.
  var rule: MaskRule { get }

  /// Segments a frame.
  ///
  /// - Parameter pixels: uint8, 3×H×W.
  /// - Returns: the prediction.
  /// - Throws: `TorchError` if memory is short.
  func prediction(ofFrame pixels: Tensor) throws -> FramePrediction
}

extension Predictor: FramePredictor {
  /// Segments a frame as an image file with the same pixels.
  ///
  /// - Parameter pixels: uint8, 3×H×W.
  /// - Returns: the prediction, with its certainty if the run is calibrated.
  /// - Throws: `TorchError` if memory is short.
  package func prediction(ofFrame pixels: Tensor) throws -> FramePrediction {
    let seen = Seen(
      squares: try reader.squares(pixels, sizes: sides), height: try pixels.size(1),
      width: try pixels.size(2), picture: nil)
    guard let certainty else { return FramePrediction(probability: try seen.probability(self)) }
    let reading = try reading(seen, certainty.probe)
    let found = try certainty.certainty(reading, mask: marked(reading.probability))
    return FramePrediction(
      probability: reading.probability, expectedDice: found.expectedDice, uncertainty: found.uncertainty,
      distance: found.distance, warnings: found.warnings)
  }
}
