import Foundation
import Metrics
import Reporting
import Storage
import Training

/// The tables and sentences about how sure predictions are.
enum CertaintyTables {
  /// The most images that a note names.
  private static let mostNamed = 10

  /// Describes what a calibration measured.
  static func text(_ calibration: Calibration) -> String {
    let ways = UncertaintyKind.allCases.filter { way in
      calibration.sites.contains { $0.aurc[way.rawValue] != nil }
    }
    let rows = calibration.sites.map { site in
      [site.site, "\(site.images)"]
        + [site.errorBefore, site.errorAfter, site.brierBefore, site.brierAfter].map { format($0, 4) }
        + ways.map { format(site.aurc[$0.rawValue], 5) }
    }
    let table = Console.table(
      ["left-out site", "images", "ECE before", "after", "Brier before", "after"]
        + ways.map { "AURC \($0.rawValue)" }, rows)
    let dice = calibration.dice
    let errors = DiceEstimator.Method.allCases.compactMap { way in
      dice.errors[way.rawValue].map { "\(way.rawValue) \(format($0))" }
    }.joined(separator: ", ")
    return """
      \(table)
      temperature \(format(calibration.scaling.temperature)), bias \(format(calibration.scaling.bias)); \
      pixels are ranked by \(calibration.uncertainty.rawValue)
      expected Dice by \(dice.method.rawValue)\
      \(errors.isEmpty ? "" : "; error of a site's mean when it is left out: \(errors)")\
      \(calibration.folds.map { "\n" + text($0) } ?? "")
      \(warning(calibration))
      """
  }

  /// Describes the errors of folds.
  private static func text(_ folds: FoldErrors) -> String {
    let table = Console.table(
      ["held out by a fold", "expected Dice", "true", "error"],
      folds.folds.map {
        [$0.site, format($0.expected), format($0.dice), NumberText.text($0.error, decimals: 3)]
      })
    return "\(folds.statement)\n\(table)"
  }

  private static func warning(_ calibration: Calibration) -> String {
    guard let rule = calibration.warning else {
      return "no warning of unlike images: the method has no features to compare"
    }
    return "unlike images: \(rule.name), AUROC \(format(rule.auroc)) of source images "
      + "against junk; \(percent(1 - rule.quantile, of: 1)) of source images are beyond the threshold"
  }

  /// Describes the certainty of an evaluation.
  static func text(_ report: CertaintyReport, dice: Double?) -> String {
    let (points, images) = (report.images.points, report.images)
    let before = report.uncorrected.map { ", before the correction by folds \(format($0))" } ?? ""
    let coverage = Console.table(
      ["images kept"] + points.map { percent($0.coverage, of: 1) },
      [["Dice"] + points.map { format($0.dice) }])
    return """
      after calibration: Brier score \(format(report.calibrated.brier, 4)), \
      ECE \(format(report.calibrated.expectedCalibrationError, 4)); AURC of pixels \
      \(format(report.pixelAURCBefore, 5)) before, \(format(report.pixelAURCAfter, 5)) after \
      (\(report.uncertainty.rawValue))
      expected Dice \(interval(report.expected))\(before), true \(format(dice)); \(report.unfamiliar) of \
      \(counted(images.points.first?.count ?? 0, "image")) unlike every training site
      \(coverage)
      the surest by expected Dice are kept; AURC of images \(format(images.aurc)), AUROC for Dice below \
      \(images.failure.short) \(format(images.failureAUROC))
      """
  }

  /// The plot of Dice against coverage, as SVG.
  static func plot(_ report: CertaintyReport, site: String) -> String {
    let points = report.images.points.reversed().map { LinePlot.Point(x: $0.coverage, y: $0.dice) }
    return LinePlot(
      [.init(name: site, points: points)], xName: "share of images that are kept", yName: "mean Dice"
    ).svg
  }

  /// Describes the estimate for images without masks.
  static func text(_ estimate: UnlabelledEstimate) -> String {
    let error = estimate.error.map { ", root mean squared error \(format($0)) at left-out source sites" }
    let correction =
      estimate.folds.map {
        ["\($0.statement); before: \(format(estimate.uncorrected))"]
      } ?? []
    let lines =
      [
        "\(estimate.site), n = \(estimate.images.count) images, whose masks are not read",
        "expected mean Dice \(interval(estimate.expected)) (\(estimate.method.rawValue)\(error ?? ""))",
      ] + correction + [
        "\(estimate.unfamiliar) of \(counted(estimate.images.count, "image")) unlike every training site"
      ] + estimate.notes
    return lines.joined(separator: "\n") + "\n"
  }

  /// Returns a note that names the images with warnings; nil without one.
  static func flagged(_ images: [(name: String, warnings: [String])]) -> String? {
    let found = images.filter { !$0.warnings.isEmpty }
    guard !found.isEmpty else { return nil }
    let named = found.prefix(mostNamed).map { "  \($0.name): \($0.warnings.joined(separator: ", "))" }
    let rest = found.count - named.count
    return "warning: \(found.count) of \(counted(images.count, "image")) cannot be trusted:\n"
      + (named + (rest > 0 ? ["  … and \(rest) more; predictions.jsonl has all"] : [])).joined(
        separator: "\n")
  }

  private static func interval(_ estimate: DiceEstimator.Estimate) -> String {
    guard let low = estimate.low, let high = estimate.high else {
      return "\(format(estimate.dice)) (no interval)"
    }
    return "\(format(estimate.dice)) (95 % interval \(format(low)) to \(format(high)))"
  }
}
