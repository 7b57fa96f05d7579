import Datasets
import Foundation
import Metrics
import Studies
import Torch
import Training

/// The change of predictions under each intervention on the same scenes, for one or several runs.
struct CounterfactualReport: Encodable {
  /// The results of one run.
  struct Entry: Encodable {
    let run: String
    let method: String
    let heldOut: String
    let summary: Counterfactual.Summary

    enum CodingKeys: String, CodingKey {
      case run, method, summary
      case heldOut = "held_out"
    }
  }

  let entries: [Entry]

  /// Segments a sweep with each run.
  init(
    _ runs: [Run], sweep: Sweep, threshold: Double, device: Device, _ console: Console
  ) throws {
    entries = try runs.map { run in
      let predictor = try run.predictor(device: device, threshold: threshold)
      let bar = ProgressBar(predictor.methodLabel, total: sweep.scenes.count)
      let cases = try predictor.counterfactualCases(sweep) { console.progress(bar.line($0, unit: "scenes")) }
      console.progress("")
      return Entry(
        run: run.folder.url.path, method: predictor.methodLabel, heldOut: run.configuration.holdOut ?? "",
        summary: try Counterfactual.Summary(of: cases))
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
