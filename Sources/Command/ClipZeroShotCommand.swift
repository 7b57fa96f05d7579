import CLIP
import Confounders
import Foundation
import Pretraining
import Segmentation
import Storage

/// The command `mcdrl clip zero-shot`.
enum ClipZeroShotCommand: Subcommand {
  static let name = "clip zero-shot"
  static let summary = "measure what a CLIP knows of rendered endoscopy without training"
  static let example = "mcdrl clip zero-shot tiny"
  static let options = Options()
  static let operands = [clipOperand]

  struct Options: OptionGroup {
    let images = Option.value(
      "images", "N", .integer(atLeast: 1), default: 1000, "how many unseen pictures to render")
    let prompts = Shared.prompts
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (count, seed) = (try arguments.images, try arguments.common.seed)
    let prompts = try ProjectFiles.promptSet(arguments.prompts).prompts
    let clip = try CLIPModel.load(ProjectFiles.clip(arguments.operands[0]), seed: seed)
    try show(report(clip, prompts: prompts, count: count, seed: seed, console), console)
  }

  static func report(
    _ clip: CLIPModel, prompts: PromptSet, count: Int, seed: UInt64, _ console: Console
  ) throws -> ZeroShot {
    let bar = ProgressBar("zero-shot", total: count)
    defer { console.progress("") }
    return try ZeroShot(clip, prompts: prompts, count: count, seed: seed) {
      console.progress(bar.line($0, unit: "pictures"))
    }
  }

  static func show(_ report: ZeroShot, _ console: Console) throws {
    if console.json { return try console.result(json: report) }
    console.result("zero-shot on \(counted(report.count, "unseen rendered picture")) of \(report.size) px\n")
    let byClass = report.accuracyByClass.sorted { $0.key < $1.key }.map { [$0.key, format($0.value)] }
    console.result(
      Console.table(
        ["class", "accuracy"],
        byClass + [["all \(byClass.count) (chance \(format(report.chance)))", format(report.classAccuracy)]]))
    let byConfounder = report.confounders.sorted { $0.key < $1.key }.map { [$0.key, format($0.value)] }
    console.result(
      "\n" + Console.table(["confounder", "AUC"], byConfounder + [["mean", format(report.meanConfounder)]]))
    let scores = RegionScore.allCases.map(\.rawValue)
    let rows = report.localisation.map { row in
      [row.extractor] + scores.map { format(row.areas[$0]) }
    }
    console.result("\n" + Console.table(["AUC of region score and mask"] + scores, rows))
  }
}
