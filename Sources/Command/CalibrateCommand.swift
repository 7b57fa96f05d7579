import Datasets
import Foundation
import Storage
import Training

/// The command `mcdrl calibrate`.
enum CalibrateCommand: Subcommand {
  static let name = "calibrate"
  static let summary = "measure on the source sites how far a run can be trusted"
  static let example = "mcdrl calibrate runs/c3"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [Operand.one("RUN", "a run folder", "a run folder of mcdrl train")]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the run")
    let quantile = Option.value(
      "quantile", "Q", .quantile, default: 0.95,
      "the share of images of left-out source sites that is not warned of")
    let folds = Option.spaces(
      "folds", "RUN|STUDY", .text, remark: "no correction",
      "calibrated runs of the method, evaluated where they held out; their error corrects expected Dice")
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let run = try ProjectFiles.run(at: URL(fileURLWithPath: arguments.operands[0]))
    let lock = try OutputFolder.lock(run.folder.url, console)
    defer { withExtendedLifetime(lock) {} }
    let catalog = try run.catalog(at: arguments.data.map { URL(fileURLWithPath: $0) })
    // An earlier calibration is replaced, so it need not be readable.
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision, usesCalibration: false)
    console.note(predictor.statement)
    let folds = try folds(arguments.folds, of: run)
    let errors = try folds.isEmpty ? nil : run.foldErrors(folds, inference: predictor.inference)
    let fit = try CertaintyFit(run, predictor, catalog: catalog)
    let bar = OnceBar()
    let calibration = try fit.write(quantile: arguments.quantile, folds: errors?.errors) { done, total in
      console.progress(bar(total), done, unit: "pictures")
    }
    console.progress("")
    if console.json {
      try console.result(json: calibration)
    } else {
      console.result(CertaintyTables.text(calibration))
      console.result("stored in \(run.folder.calibrationFile.path)")
    }
    for note in (errors?.notes ?? []) + calibration.notes { console.note("note: \(note)") }
  }

  /// Opens folds, each once; a study stands for its finished runs of the method.
  ///
  /// - Throws: `WorkError.noFinishedRun`, or an error that names the folder.
  private static func folds(_ names: [String], of run: Run) throws -> [Run] {
    let method = run.configuration.model.method.name
    let found = try names.flatMap { name -> [Run] in
      let folder = URL(fileURLWithPath: name)
      guard Contest.isStudy(folder) else { return [try ProjectFiles.run(at: folder)] }
      let own = try Contest([name]).arms.flatMap(\.runs).filter {
        $0.configuration.model.method.name == method
      }
      guard !own.isEmpty else { throw WorkError.noFold(folder, method: method) }
      return own
    }
    var known: Set<String> = []
    return found.filter { known.insert($0.folder.url.resolvingSymlinksInPath().path).inserted }
  }
}

/// A progress bar whose number of items is known at its first use.
private final class OnceBar: @unchecked Sendable {
  private let lock = NSLock()
  private var bar: ProgressBar?

  func callAsFunction(_ total: Int) -> ProgressBar {
    lock.withLock {
      let found = bar ?? ProgressBar("calibrating", total: total)
      bar = found
      return found
    }
  }
}

extension ValueForm where Value == Double {
  /// A share of images, above 0 and below 1.
  static var quantile: ValueForm {
    number.checked("a number above 0 and below 1 is needed") { $0 > 0 && $0 < 1 }
  }
}
