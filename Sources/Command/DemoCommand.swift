import CLIP
import Datasets
import Foundation

/// `mcdrl demo`.
enum DemoCommand: Subcommand {
  static let name = "demo"
  static let summary = "the pipeline on a small data set that it makes itself"
  static let usage = "[--out DIR]"
  static let example = "mcdrl demo --out demo"
  static let options: [Option] = [.one("out", "DIR", "where results go (demo)")]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let out = URL(fileURLWithPath: arguments.last("out") ?? "demo")
    let data = out.appendingPathComponent("data")
    console.note("1/4 making three sites of 40 images in \(data.path)")
    try DemoData.write(to: data, seed: UInt64(try arguments.integer("seed") ?? 0))
    var rows: [String] = []
    for (index, method) in ["baseline", "mcdrl"].enumerated() {
      let run = out.appendingPathComponent("runs/\(method)")
      console.note("\(index + 2)/4 training \(method) on sites a and b, site c held out")
      try? FileManager.default.removeItem(at: run)
      let configuration = try ProjectFiles.prompts(nil).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Configurations/demo-clip.json")
      let words = [
        "--data", data.path, "--clip", "random:\(configuration.path)", "--hold-out", "c", "--out", run.path,
        "--method", method, "--epochs", "12", "--set", "batchSize=8", "optimizer.learningRate=0.003",
        "lesionClass=polyp", "model.head.detailWidths=[16,32,64]", "model.head.gridWidth=48",
      ]
      try TrainCommand.run(Arguments(words, options: TrainCommand.options + commonOptions), console)
      rows.append(run.path)
    }
    console.note("4/4 scoring both at site c")
    for run in rows {
      let words = [run, "--data", data.path]
      try EvaluateCommand.run(Arguments(words, options: EvaluateCommand.options + commonOptions), console)
      let overlays = ["--out", "\(run)/overlays", "--format", "overlay"]
      try PredictCommand.run(
        Arguments(
          [run, "\(data.path)/c/images"] + overlays, options: PredictCommand.options + commonOptions),
        console)
    }
  }
}
