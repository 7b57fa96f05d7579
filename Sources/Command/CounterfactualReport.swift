import Datasets
import Studies
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
  ///   - console: receives notes and progress.
  /// - Throws: an error that names the file.
  init(
    _ runs: [Run], sweep: Sweep, predictor: (Run) throws -> Predictor, _ console: Console
  ) throws {
    entries = try runs.map { run in
      let predictor = try predictor(run)
      console.note("\(run.folder.url.path): \(predictor.statement)")
      let bar = ProgressBar(predictor.methodLabel, total: sweep.scenes.count)
      let cases = try predictor.counterfactualCases(sweep) { console.progress(bar.line($0, unit: "scenes")) }
      console.progress("")
      return try Counterfactual.Entry(run, with: predictor, scores: cases.map { try $0.score() })
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
