import Foundation
import Storage

/// A calibration that cannot be made or used.
package enum CalibrationError: Error, Equatable, CustomStringConvertible {
  /// A file of the calibration is damaged.
  case damaged(URL)
  /// The calibration belongs to other weights.
  case otherModel(URL, weights: URL)
  /// A file of the calibration is missing beside the other.
  case missing(URL, besides: URL)
  /// The run has no calibration.
  case none(URL)
  /// The run has no validation image.
  case noValidation(URL)
  /// No validation image has a lesion, or all pixels are lesion.
  case noLesion(URL)
  /// The run segments several classes, which no calibration covers.
  case severalClasses(URL, classes: [String])

  /// One to three lines with the file and the fix.
  package var description: String {
    switch self {
    case .damaged(let url): "\(url.path): cannot be read; calibrate the run again, or delete the file"
    case .otherModel(let url, let weights):
      "\(url.path): was made for other weights than \(weights.path); calibrate the run again, or delete the file"
    case .missing(let url, let other):
      "\(url.path): not found, though \(other.path) needs it; calibrate the run again, or delete \(other.lastPathComponent)"
    case .none(let url):
      "\(url.path): not found; calibrate the run first, which needs the images that it was trained on"
    case .noValidation(let url):
      "\(url.path): the run has no validation images to calibrate on; train with a validationShare above 0, "
        + "state smaller groups, or with --init take images that the earlier run did not read"
    case .severalClasses(let url, let classes):
      "\(url.path): segments \(classes.count) classes (\(classes.joined(separator: ", "))), and "
        + "only a run of one mask can be calibrated; take masks and probabilities as they are"
    case .noLesion(let url):
      "\(url.path): the masks of its validation images show no lesion, or nothing else, so there is nothing to calibrate"
    }
  }
}

extension Run {
  /// The error of work that needs a calibration, if this run has none.
  package var uncalibrated: CalibrationError {
    configuration.segmentsClasses
      ? .severalClasses(folder.url, classes: configuration.classes) : .none(folder.calibrationFile)
  }
}
