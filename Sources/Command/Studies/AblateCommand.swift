import Foundation
import Studies

/// `mcdrl ablate`.
enum AblateCommand: Subcommand {
  static let name = "ablate"
  static let summary = "vary one part of the method, every site held out in turn"
  static let usage = "--study NAME --data DATA --clip CLIP --out DIR [--seeds 0,1,2]"
  static let example = "mcdrl ablate --study depth --data polypgen --clip tiny --out depth"
  static let choosesDevice = true
  static let options =
    [.one("study", "NAME", Ablation.allCases.map(\.rawValue).joined(separator: ", "))] + StudyOptions.common

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard let study = Ablation(rawValue: try arguments.required("study")) else {
      let lines = Ablation.allCases.map { "  \($0.rawValue): \($0.summary)" }
      throw UsageError(
        description: "--study \(arguments.last("study") ?? "") is not known; use one of\n"
          + lines.joined(separator: "\n"))
    }
    console.note("\(study.rawValue): \(study.summary)")
    let choices = try StudyOptions.choices(arguments)
    let (arms, leftOut) = try study.arms(choosing: choices)
    for arm in leftOut {
      let both = arm.names.filter(choices.map(\.setting).contains).joined(separator: ", ")
      console.note("note: \(arm.name) is left out, for it fixes \(both), which is to be chosen")
    }
    let plan = try StudyOptions.plan(study: "ablate \(study.rawValue)", arms: arms, arguments)
    // The usual file has 12 confounders; the study goes to 15.
    let prompts = study == .dictionary ? "Prompts/endoscopy-15.json5" : nil
    try StudyRunner(plan, arguments, console, prompts: prompts).run()
  }
}
