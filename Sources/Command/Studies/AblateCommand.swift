import Foundation
import Studies

/// The command `mcdrl ablate`.
enum AblateCommand: Subcommand {
  static let name = "ablate"
  static let summary = "vary one part of the method, and hold out every site in turn"
  static let usage =
    "--study NAME --data DATA --clip CLIP --out DIR [options] | --out DIR [--plan | --fold N,… | --collect]"
  static let example = "mcdrl ablate --study depth --data polypgen --clip tiny --out depth"
  static let common = StudyRunner.common
  static let options = Options()
  static let sections = [
    Help.Section(title: "studies", entries: Ablation.allCases.map { ($0.rawValue, $0.summary) })
  ]

  struct Options: OptionGroup {
    let ablation = Option.optional(
      "study", "NAME", .choice(of: Ablation.self), remark: StudyOptions.stored, "one of the studies below")
    let study = StudyOptions(
      prompts: Shared.prompts.remarked(
        "\(ProjectFiles.standardPrompts); \(dictionaryPrompts) for the study dictionary"))
  }

  /// The prompt file for the study of the dictionary, which needs 15 confounders.
  ///
  /// The standard file has 12.
  private static let dictionaryPrompts = "Prompts/endoscopy-15.json5"

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let source = try StudySource(arguments.study) { try plan(arguments, console) }
    try StudyRunner(source, arguments.study, console).run()
  }

  /// Returns the plan of the options, and the prompt file that it has without `--prompts`.
  private static func plan(
    _ arguments: Arguments<Options>, _ console: Console
  ) throws -> (plan: StudyPlan, prompts: String?) {
    let study = try arguments.required(\.ablation)
    console.note("\(study.rawValue): \(study.summary)")
    let choices = try arguments.study.choices
    let (arms, leftOut) = try study.arms(choosing: choices)
    for (arm, fixes) in leftOut {
      let both = fixes.joined(separator: ", ")
      console.note("note: \(arm) is left out, because it fixes \(both), which --choose varies")
    }
    let plan = try StudyOptions.plan(study: "ablate \(study.rawValue)", arms: arms, arguments.study, console)
    return (plan, study == .dictionary ? dictionaryPrompts : nil)
  }
}
