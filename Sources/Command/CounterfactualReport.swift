import Datasets
import Foundation
import Metrics
import Studies
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
  init(
    _ runs: [RunDirectory], sweep: Sweep, threshold: Double, device: Device, _ console: Console
  ) throws {
    entries = try runs.map { run in
      let (system, configuration) = try RunAssembly.compiled(run, on: device)
      let bar = ProgressBar("\(configuration.model.method.name)", total: sweep.scenes.count)
      let cases = try Segmenter(system, reader: configuration.reader)
        .counterfactualCases(sweep, threshold: threshold) {
          console.progress(bar.line($0, unit: "scenes"))
        }
      console.progress("")
      return Entry(
        run: run.url.path, method: configuration.model.method.name, heldOut: configuration.holdOut,
        summary: try Counterfactual.Summary(of: cases))
    }
  }

  /// Prints a table with a row a confounder.
  func show(_ console: Console) throws {
    if console.json { return try console.result(json: entries) }
    let table = Counterfactual.table(entries.map { (name: $0.method, summary: $0.summary) })
    console.result("counterfactual check, \(entries.first?.summary.scenes ?? 0) scenes\n")
    console.result(Console.table(table.headings, table.rows))
    console.result(Counterfactual.legend)
  }
}
