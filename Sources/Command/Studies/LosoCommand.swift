import Foundation
import Training

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
        "methods by name, the first is compared with (baseline,mcdrl); NAME:key=value,… is one of your own")
    ]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let words = arguments.all("methods").flatMap { word in
      // A comma inside an arm of one's own parts its settings.
      word.contains(":") ? [word] : word.split(separator: ",").map(String.init)
    }
    let arms = try (words.isEmpty ? ["baseline", "mcdrl"] : words).map(Arm.init(parsing:))
    try StudyRunner(StudyOptions.plan(study: "loso", arms: arms, arguments), arguments, console).run()
  }
}
