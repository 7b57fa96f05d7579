import Datasets
import Evaluation
import Foundation
import Torch
import Training

/// How far predictions move under each intervention on the same scenes, for one or several runs.
struct CounterfactualReport: Encodable {
  /// One run.
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
  init(_ runs: [RunDirectory], sweep: Sweep, threshold: Double, _ console: Console) throws {
    entries = try runs.map { run in
      let (system, configuration) = try RunAssembly.trained(run)
      let bar = ProgressBar("\(configuration.model.method.rawValue)", total: sweep.scenes.count)
      let cases = try Segmenter(system, reader: configuration.reader)
        .counterfactualCases(sweep, threshold: threshold) {
          console.progress(bar.line($0, unit: "scenes"))
        }
      console.progress("")
      return Entry(
        run: run.url.path, method: configuration.model.method.rawValue, heldOut: configuration.holdOut,
        summary: try Counterfactual.Summary(of: cases))
    }
  }

  /// Prints a table with a row a confounder and two columns a run.
  func show(_ console: Console) throws {
    if console.json { return try console.result(json: entries) }
    guard let first = entries.first else { return }
    console.result(
      "counterfactual check, \(first.summary.scenes) scenes: IoU of the predictions with and without each "
        + "confounder (1: nothing moved), and the change of Dice\n")
    let headings = entries.flatMap { ["\($0.method) IoU", "worst", "Δ Dice"] }
    var rows = first.summary.rows.indices.map { index in
      [first.summary.rows[index].confounder]
        + entries.flatMap { entry -> [String] in
          let row = entry.summary.rows[index]
          return [format(row.agreement), format(row.worst), signed(row.diceAfter - row.diceBefore)]
        }
    }
    rows.append(
      ["mean"]
        + entries.flatMap { entry -> [String] in
          let rows = entry.summary.rows
          let change = rows.reduce(0) { $0 + $1.diceAfter - $1.diceBefore } / Double(max(1, rows.count))
          return [format(entry.summary.agreement), format(entry.summary.worstCase), signed(change)]
        })
    console.result(Console.table(["do(confounder)"] + headings, rows))
    console.result("worst: the lowest over scenes; in the last row, the mean over scenes of their lowest")
  }
}

/// A number with its sign.
func signed(_ value: Double) -> String { (value < 0 ? "−" : "+") + format(abs(value)) }
