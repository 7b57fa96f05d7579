import Datasets
import Foundation
import Studies
import Torch
import Training

/// The change of predictions under each intervention on the same scenes, for one or several runs.
struct CounterfactualReport {
  /// The results of each run.
  let entries: [Counterfactual.Entry]

  /// Segments a sweep with each run.
  ///
  /// - Parameters:
  ///   - runs: the runs.
  ///   - sweep: the scenes.
  ///   - predictor: makes the predictor of a run.
  ///   - processes: the processes that share the scenes.
  ///   - console: receives notes and progress.
  /// - Throws: an error that names the file.
  init(
    _ runs: [Run], sweep: Sweep, predictor: (Run) throws -> Predictor, _ processes: Processes,
    _ console: Console
  ) throws {
    entries = try runs.map { run in
      let segmenter = try processes.together { try predictor(run) }
      console.note("\(run.folder.url.path): \(segmenter.statement)")
      let bar = ProgressBar(segmenter.methodLabel, total: processes.part(of: sweep.scenes.count).count)
      let scores = try processes.inParts(count: sweep.scenes.count) { part in
        try segmenter.counterfactualCases(sweep, scenes: part) {
          console.progress(bar.line($0, unit: "scenes"))
        }.map { try $0.score() }
      }
      console.progress("")
      return try Counterfactual.Entry(run, with: segmenter, scores: scores)
    }
  }

  /// Prints a table with a row for each confounder.
  func show(_ console: Console) throws {
    if console.json { return try console.result(json: entries) }
    let table = Counterfactual.table(entries.map { (name: $0.method, summary: $0.summary) })
    console.result("counterfactual check, \(entries.first?.summary.scenes ?? 0) scenes\n")
    console.result(Console.table(table.headings, table.rows))
    console.result(Counterfactual.legend)
  }
}

extension EvaluateCommand {
  /// Measures how predictions move under each intervention of a sweep.
  static func counterfactual(
    _ arguments: Arguments<Options>, sweep: URL, _ processes: Processes, _ console: Console
  ) throws {
    let runs = try processes.together {
      try arguments.operands.map {
        try ProjectFiles.run(at: URL(fileURLWithPath: $0), changes: arguments.inference)
      }
    }
    if let other = arguments.doing.written.first {
      throw UsageError.conflict(
        other, with: "counterfactual",
        reason: "its scenes are rendered under each intervention already; give one of the two")
    }
    let others = [arguments.written(\.data), arguments.written(\.sites)].compactMap { $0 }
    if let other = (others + writtenDistances(arguments)).first {
      throw UsageError.conflict(
        other, with: "counterfactual", reason: "the scenes and their masks come from the folder of the sweep")
    }
    let locks = try lock(runs, processes, console)
    defer { withExtendedLifetime(locks) {} }
    let scenes = try processes.together { try Sweep(sweep) }
    let report = try CounterfactualReport(
      runs, sweep: scenes, predictor: { try predictor(of: $0, arguments) }, processes, console)
    try processes.first {
      for (run, entry) in zip(runs, report.entries) {
        try run.folder.write(entry, to: run.folder.url.appendingPathComponent("counterfactual.json"))
      }
    }
    try report.show(console)
  }
}
