import Foundation
import Imaging
import Storage
import Training

/// The DICOM objects of predictions: segmentations and overlay series.
struct DICOMResults {
  let formats: [PredictCommand.Format]
  let out: URL
  let allFrames: Bool
  let nominalGeometry: Bool
  let run: Run
  let predictor: Predictor

  /// Writes the objects.
  ///
  /// - Returns: the messages of those that could not be written.
  func write(_ found: PredictCommand.Found, _ console: Console) -> [String] { [] }
}
