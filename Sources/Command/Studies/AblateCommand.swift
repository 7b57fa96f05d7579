import Foundation
import Studies

/// The command `mcdrl ablate`.
enum AblateCommand: Subcommand {
  static let name = "ablate"
  static let summary = "vary one part of the method, and hold out every site in turn"
  static let example = "mcdrl ablate --study depth --data polypgen --clip tiny --out depth"
  static let common = StudyRunner.common
  static let options = Options()
  static let sections = [
    Help.Section(title: "studies", entries: Ablation.allCases.map { ($0.rawValue, $0.summary) })
  ]

  struct Options: OptionGroup {
    let ablation = Option.required("study", "NAME", .choice(of: Ablation.self), "one of the studies below")
    let study = StudyOptions(
      prompts: Shared.prompts.remarked(
        "\(ProjectFiles.standardPrompts); \(dictionaryPrompts) for the study dictionary"))
  }

  /// The prompt file for the study of the dictionary, which needs 15 confounders.
  ///
  /// The standard file has 12.
  private static let dictionaryPrompts = "Prompts/endoscopy-15.json5"

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let study = try arguments.ablation
    console.note("\(study.rawValue): \(study.summary)")
    let choices = try arguments.study.choices
    let (arms, leftOut) = try study.arms(choosing: choices)
    for (arm, fixes) in leftOut {
      let both = fixes.joined(separator: ", ")
      console.note("note: \(arm) is left out, because it fixes \(both), which --choose varies")
    }
    let plan = try StudyOptions.plan(study: "ablate \(study.rawValue)", arms: arms, arguments.study, console)
    let prompts = study == .dictionary ? dictionaryPrompts : nil
    try StudyRunner(plan, arguments.study, console, prompts: prompts).run()
  }
}
