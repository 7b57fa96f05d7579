import Foundation
import Metrics
import Storage
import Torch
import Training

/// The command `mcdrl tune`.
enum TuneCommand: Subcommand {
  static let name = "tune"
  static let summary = "choose a run's threshold, smallest lesion and hole filling on validation"
  static let example = "mcdrl tune runs/c3"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [Operand.one("RUN", "a run folder", "a run folder of mcdrl train or mcdrl ensemble")]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the run")
    let precision = Shared.precision("that of the training")
    let decoding = Shared.decoding
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let run = try ProjectFiles.run(at: URL(fileURLWithPath: arguments.operands[0]))
    let lock = try OutputFolder.lock(run.folder.url, console)
    defer { withExtendedLifetime(lock) {} }
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision ?? run.configuration.precision,
      decoding: arguments.decoding, usesCalibration: false)
    let before = predictor.rule
    let bar = ProgressBar("choosing", total: 100)
    let tuning = try run.tuneMasks(
      at: arguments.data.map { URL(fileURLWithPath: $0) }, with: predictor
    ) { done, total in
      console.progress(bar.line(100 * done / max(1, total), unit: "% of the passes"))
    }
    console.progress("")
    for remark in tuning.remarks { console.note("note: \(remark)") }
    if console.json { return try console.result(json: tuning) }
    console.result(text(tuning, before: before))
  }

  /// Formats the compared rules, and the choice.
  static func text(_ tuning: MaskTuning, before: MaskRule) -> String {
    let first = tuning.candidates.filter(\.rule.isThresholdAlone)
    let images = tuning.images.keys.sorted().map { "\($0) \(tuning.images[$0] ?? 0)" }
    let count = tuning.images.values.reduce(0, +)
    return """
      validation images: \(count) (\(images.joined(separator: ", "))); score: \(tuning.selection.rawValue), \
      the mean over \(counted(tuning.images.count, "site"))

      \(Console.table(["threshold", "score"], first.map { ["\($0.threshold)", format($0.score, 4)] }))

      \(Console.table(["at \(tuning.chosen.threshold): smallest lesion ‰", "holes ‰", "score"], cleanings(tuning)))

      chosen: \(tuning.chosen.rule.rule); score \(format(tuning.chosen.score, 4)). Before: \(before.rule).
      Highest score; of equal ones the simplest. The scores of the choice are those of the images that \
      chose it.
      """
  }

  private static func cleanings(_ tuning: MaskTuning) -> [[String]] {
    tuning.candidates.filter { $0.threshold == tuning.chosen.threshold }.map {
      [$0.smallestLesion.short, $0.fillHoles.short, format($0.score, 4)]
    }
  }
}
