import Foundation
import Metrics
import Reporting

/// How scores are laid out for people, in `metrics` and `evaluate` alike.
enum ScoreTables {
  /// A metric's name with what it is counted in.
  static func label(_ metric: Metric, unit: DistanceUnit?, tolerance: Double?) -> String {
    let unit = unit?.rawValue ?? DistanceUnit.pixels.rawValue
    switch metric {
    case .hd95, .asd: return "\(metric.rawValue) (\(unit))"
    case .nsd:
      return tolerance.map { "\(metric.rawValue) (within \($0.formatted) \(unit))" } ?? metric.rawValue
    default: return metric.rawValue
    }
  }

  /// The lesions of some images, or of one.
  static func sentence(_ detection: LesionDetection.Summary) -> String {
    let criterion = detection.criterion ?? LesionDetection.defaultCriterion
    return "lesions (a mark of IoU ≥ \(criterion.formatted) finds one): \(detection.found) found, "
      + "\(detection.missed) missed, \(detection.falseMarks) false; sensitivity \(format(detection.sensitivity)), "
      + "\(format(detection.falsePerImage)) false an image"
  }

  /// How well probabilities agree with what is there.
  static func sentence(_ calibration: Reliability.Summary) -> String {
    "calibration over \(calibration.pixels) pixels: Brier score \(format(calibration.brier, 4)), "
      + "ECE \(format(calibration.expectedCalibrationError, 4)) (\(calibration.curve.count) bins)"
  }

  /// The measures of the polyp protocol, over all images and over those with a lesion, and what they are.
  package static func text(_ polyp: PolypProtocol.Summary) -> String {
    let withLesion = polyp.withLesion?.named.map { format($0.value, 4) }
    let rows = (polyp.all?.named ?? []).enumerated().map { index, measure in
      [measure.name, format(measure.value, 4), withLesion?[index] ?? "–"]
    }
    return Console.table(
      ["protocol pranet", "all (\(polyp.count))", "with lesion (\(polyp.countWithLesion))"], rows)
      + "\n" + polyp.definition
  }
}

extension Double {
  /// As short as it reads back, without a decimal point where it is whole.
  fileprivate var formatted: String { self == rounded() && magnitude < 1e9 ? String(Int(self)) : description }
}

extension Arguments {
  /// Millimetres per pixel from `X` or `X,Y`; nil when it was not given.
  func spacing(_ name: String = "spacing") throws -> PixelSpacing? {
    guard let text = last(name) else { return nil }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard (1...2).contains(numbers.count), let x = numbers[0], let y = numbers[numbers.count - 1],
      let spacing = try? PixelSpacing(x: x, y: y)
    else {
      throw UsageError(
        description: "--\(name) \(text): millimetres per pixel are needed, as X or X,Y, both above 0")
    }
    return spacing
  }

  /// The distance within which surface Dice counts a boundary as right; 2 when it was not given.
  func tolerance() throws -> Double {
    let tolerance = try number("tolerance") ?? 2
    guard tolerance >= 0 else {
      throw UsageError(description: "--tolerance \(tolerance): a distance of 0 or more is needed")
    }
    return tolerance
  }

  /// How maps are judged; at a fixed threshold when it was not said.
  func evaluationProtocol() throws -> EvaluationProtocol {
    guard let text = last("protocol") else { return .fixedThreshold }
    guard let found = EvaluationProtocol(rawValue: text) else {
      let names = EvaluationProtocol.allCases.map(\.rawValue).joined(separator: " or ")
      throw UsageError(description: "--protocol \(text) is not one; give \(names)")
    }
    return found
  }
}
