import Foundation
import Studies

/// `mcdrl loso`.
enum LosoCommand: Subcommand {
  static let name = "loso"
  static let summary = "hold every site out in turn: any methods, any seeds, one report"
  static let usage = "--data DATA --clip CLIP --out DIR [--methods a,b] [--seeds 0,1,2]"
  static let example =
    "mcdrl loso --data polypgen --clip tiny --methods baseline,mcdrl --seeds 0,1 --out study"
  static let choosesDevice = true
  static let options =
    StudyOptions.common + [
      .many(
        "methods", "a,b",
        "the first is compared with (baseline,mcdrl); NAME:key=value,… for one of your own, a space before the next"
      )
    ]

  static let listsMethods = true

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let words = arguments.all("methods").flatMap(Self.names)
    let plan = try StudyOptions.plan(
      study: "loso", arms: (words.isEmpty ? ["baseline", "mcdrl"] : words).map(Arm.init(parsing:)), arguments)
    try StudyRunner(plan, arguments, console).run()
  }

  /// The methods of one word: commas part them, but for those after a colon, which part an arm's settings.
  private static func names(_ word: String) -> [String] {
    let colon = word.firstIndex(of: ":") ?? word.endIndex
    var names = word[..<colon].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    names[names.count - 1] += word[colon...]
    return names.filter { !$0.isEmpty }
  }
}
