import Foundation

/// An error in the input of a metric; each message states the fix.
public enum MetricError: Error, Equatable, Sendable {
  /// A mask has no area, or more pixels than can be counted.
  case invalidSize(width: Int, height: Int)

  /// The number of pixels of a mask is not its width times its height.
  case pixelCount(width: Int, height: Int, found: Int)

  /// A mask has a pixel that is neither 0 nor 1.
  case notBinary(value: UInt8, x: Int, y: Int)

  /// A prediction and a reference differ in size.
  case sizeMismatch(predictionWidth: Int, predictionHeight: Int, referenceWidth: Int, referenceHeight: Int)

  /// A surface tolerance is negative or not finite.
  case invalidTolerance(Double)

  /// A pixel spacing is not a length.
  case invalidSpacing(x: Double, y: Double)

  /// A detection criterion is not above 0 and at most 1.
  case invalidCriterion(Double)

  /// The number of bins is below 1.
  case invalidBins(Int)

  /// A pixel of a probability map is not from 0 to 1.
  case notAProbability(Double, x: Int, y: Int)

  /// A summary has scores whose surface Dice has different tolerances.
  case mixedTolerances(Double, Double)

  /// A summary has scores whose distances have different units.
  case mixedUnits

  /// A sum has detections with different criteria.
  case mixedCriteria(Double, Double)

  /// A sum has reliability curves with different numbers of bins.
  case mixedBins(Int, Int)

  /// The labels of a row do not match the label columns of the table.
  case labelCount(expected: [String], found: [String])

  /// A summary has no cases.
  case noCases(String)

  /// The results of one site are not about the same images.
  case differentImages(site: String)

  /// A study does not have exactly one result for a site, method and seed.
  case notOneFold(site: String, method: String, seed: UInt64, found: Int)

  /// A method has results, but the study does not list it.
  case unlistedMethod(String, listed: [String])
}

extension MetricError: CustomStringConvertible, LocalizedError {
  /// The error and the fix, in one or two sentences.
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
        + "\(referenceWidth)×\(referenceHeight). Resize the prediction to the reference's "
        + "size."
    case .invalidTolerance(let tolerance):
      return "The tolerance \(tolerance) is not a distance. Give a finite number, 0 or more: "
        + "pixels, or millimetres with a spacing."
    case .invalidSpacing(let x, let y):
      return
        "The spacing \(x),\(y) is not a spacing of pixels. Give the millimetres per pixel, across and down, "
        + "as numbers above 0."
    case .invalidCriterion(let criterion):
      return "\(criterion) is no criterion for finding a lesion. Give an IoU above 0 and at most 1."
    case .invalidBins(let bins):
      return "A reliability curve of \(bins) bins cannot be drawn. Give at least 1."
    case .notAProbability(let value, let x, let y):
      return "The map's value at column \(x), row \(y) is \(value), not a probability. "
        + "Give values from 0 to 1."
    case .mixedTolerances(let first, let second):
      return "Surface Dice at the tolerances \(first) and \(second) cannot be averaged together. "
        + "Score every image at one tolerance."
    case .mixedUnits:
      return "Distances in pixels and in millimetres cannot be averaged together. "
        + "Give the spacing of every image or of none."
    case .mixedCriteria(let first, let second):
      return "Lesions found at an IoU of \(first) and of \(second) cannot be counted together. "
        + "Score every image by one criterion."
    case .mixedBins(let first, let second):
      return
        "Reliability curves of \(first) and \(second) bins cannot be added. Count every image in as many bins."
    case .labelCount(let expected, let found):
      return "A row of the per-image table has \(found.count) label(s) \(found) where its header has "
        + "\(expected.count) \(expected). Give one label for each label column."
    case .noCases(let what):
      return "There is no case for \(what). Give at least one."
    case .differentImages(let site):
      return
        "The results of site \(site) are not of the same images. Score every method and seed on the same ones."
    case .notOneFold(let site, let method, let seed, let found):
      return "Of site \(site), method \(method), seed \(seed) there are \(found) results. "
        + "Give one for every site, method and seed."
    case .unlistedMethod(let method, let listed):
      return "There are results of the method \(method), which the study does not list "
        + "(\(listed.joined(separator: ", "))). List it, or leave them out."
    }
  }

  /// The same text as ``description``, for code that shows errors through Foundation.
  public var errorDescription: String? { description }
}
