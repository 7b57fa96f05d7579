import Foundation

/// What can be wrong with the input of a metric; each message says what to do.
public enum MetricError: Error, Equatable, Sendable {
  /// A mask without area, or with more pixels than can be counted.
  case invalidSize(width: Int, height: Int)

  /// A mask whose pixels do not fill its width and height.
  case pixelCount(width: Int, height: Int, found: Int)

  /// A mask with a pixel that is neither 0 nor 1.
  case notBinary(value: UInt8, x: Int, y: Int)

  /// A prediction and a reference of different sizes.
  case sizeMismatch(predictionWidth: Int, predictionHeight: Int, referenceWidth: Int, referenceHeight: Int)

  /// A surface tolerance that is negative or not finite.
  case invalidTolerance(Double)

  /// Scores to be summarised together whose surface Dice was taken at different tolerances.
  case mixedTolerances(Double, Double)

  /// A row whose labels do not match the table's label columns.
  case labelCount(expected: [String], found: [String])

  /// Nothing to summarise.
  case noCases(String)

  /// Results of one site that are not of the same images.
  case differentImages(site: String)

  /// A table that could not be written.
  case cannotWrite(path: String, reason: String)
}

extension MetricError: CustomStringConvertible, LocalizedError {
  /// What was wrong and what to do, in one or two sentences.
  public var description: String {
    switch self {
    case .invalidSize(let width, let height):
      return "A mask of \(width)×\(height) pixels cannot be scored. Give masks at least 1×1 pixel in size."
    case .pixelCount(let width, let height, let found):
      return "A \(width)×\(height) mask needs \(width * height) pixels but has \(found). "
        + "Give one value for each pixel, row by row."
    case .notBinary(let value, let x, let y):
      return "The mask's pixel at column \(x), row \(y) is \(value), not 0 or 1. "
        + "Threshold the mask first (above 127 for 8-bit images)."
    case .sizeMismatch(let predictionWidth, let predictionHeight, let referenceWidth, let referenceHeight):
      return "The prediction is \(predictionWidth)×\(predictionHeight) pixels but the reference is "
        + "\(referenceWidth)×\(referenceHeight). Resize the prediction to the reference's size "
        + "(--prediction and --reference must match)."
    case .invalidTolerance(let tolerance):
      return "--tolerance \(tolerance) is not a distance. Give a finite number of pixels, 0 or more."
    case .mixedTolerances(let first, let second):
      return "Surface Dice at --tolerance \(first) and \(second) pixels cannot be averaged together. "
        + "Score every image at one tolerance."
    case .labelCount(let expected, let found):
      return "A row of the per-image table has \(found.count) label(s) \(found) where its header has "
        + "\(expected.count) \(expected). Give one label for each label column."
    case .noCases(let what):
      return "There is no case for \(what). Give at least one."
    case .differentImages(let site):
      return
        "The results of site \(site) are not of the same images. Score every method and seed on the same ones."
    case .cannotWrite(let path, let reason):
      return "\(path): cannot be written: \(reason). Check that the folder exists, is writable and has room."
    }
  }

  /// The same as ``description``, for code that shows errors through Foundation.
  public var errorDescription: String? { description }
}
