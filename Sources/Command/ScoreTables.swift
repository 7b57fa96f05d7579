import Foundation
import Metrics
import Reporting
import Storage
import Training

/// The tables and sentences of scores in `metrics` and `evaluate`.
enum ScoreTables {
  /// Returns the name of a metric with its unit.
  static func label(_ metric: Metric, unit: DistanceUnit?, tolerance: Double?) -> String {
    let unit = unit?.rawValue ?? DistanceUnit.pixels.rawValue
    switch metric {
    case .hd95, .asd: return "\(metric.rawValue) (\(unit))"
    case .nsd:
      return tolerance.map { "\(metric.rawValue) (within \($0.short) \(unit))" } ?? metric.rawValue
    default: return metric.rawValue
    }
  }

  /// Describes the detected lesions of one or more images.
  static func sentence(_ detection: LesionDetection.Summary) -> String {
    let criterion = detection.criterion ?? LesionDetection.defaultCriterion
    return "lesions (a mark of IoU ≥ \(criterion.short) finds one): \(detection.found) found, "
      + "\(detection.missed) missed, \(detection.falseMarks) false; "
      + "sensitivity \(format(detection.sensitivity)), \(format(detection.falsePerImage)) false an image"
  }

  /// Describes the agreement of probabilities and references.
  static func sentence(_ calibration: Reliability.Summary) -> String {
    "calibration over \(calibration.pixels) pixels: Brier score \(format(calibration.brier, 4)), "
      + "ECE \(format(calibration.expectedCalibrationError, 4)) (\(calibration.curve.count) bins)"
  }

  /// Formats the scores of a chosen epoch on the validation images beside trivial predictors.
  static func text(_ validation: ValidationReport, model: String) -> String {
    let classes = (validation.classes ?? []).map { ("\(model): \($0.name)", $0.model) }
    let rows = ([(model, validation.model)] + classes + validation.predictors).map { name, scores in
      [name, format(scores.dice), format(scores.diceWithLesion), format(scores.markedDice)]
    }
    let (all, withLesion) = (validation.model.count, validation.model.countWithLesion)
    return Console.table(
      ["validation images", "Dice (\(all))", "with a lesion (\(withLesion))", "where marked"], rows)
  }

  /// Says that an image counts once for each of several classes; empty for one.
  static func note(_ evaluation: Evaluation) -> String {
    guard let classes = evaluation.classes, !classes.isEmpty else { return "" }
    let images = counted(evaluation.model.count / classes.count, "image")
    return " (\(images), once for each of \(classes.count) classes)"
  }

  /// Formats the measures of the polyp protocol and their definitions.
  ///
  /// The measures are over all images and over those with a lesion.
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
