import Foundation
import Studies

/// The command `mcdrl loso`.
enum LosoCommand: Subcommand {
  static let name = "loso"
  static let summary = "hold out every site in turn, with any methods and seeds, and write one report"
  static let usage =
    "--data DATA --clip CLIP --out DIR [options] | --out DIR [--plan | --fold N,… | --collect]"
  static let example =
    "mcdrl loso --data polypgen --clip tiny --methods baseline,mcdrl --seeds 0,1 --out study"
  static let common = StudyRunner.common
  static let options = Options()
  static var sections: [Help.Section] { [Help.Section.methods] }

  struct Options: OptionGroup {
    let study = StudyOptions()
    let methods = Option<[ArmDefinition]>.methods(default: [.baseline, .mcdrl])
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let source = try StudySource(arguments.study) {
      (try StudyOptions.plan(study: "loso", arms: arguments.methods, arguments.study, console), nil)
    }
    try StudyRunner(source, arguments.study, console).run()
  }
}

extension Option<[ArmDefinition]> {
  /// Declares the option for methods, with commas or spaces between them.
  fileprivate static func methods(default arms: [ArmDefinition]) -> Option {
    Option(
      "methods", "NAME", words: .spaces, remark: arms.map(\.name).joined(separator: ","), absent: arms,
      "the methods to compare, with commas or spaces between them; the first is the reference; "
        + "NAME:KEY=VALUE,… is one of your own, and a space ends it"
    ) { words in
      try words.flatMap(names).map { try ArmDefinition(parsing: $0, methods: MCDRLCommand.methods) }
    }
  }

  /// Returns the methods of one word.
  ///
  /// After a colon the commas belong to the settings.
  private static func names(_ word: String) -> [String] {
    let colon = word.firstIndex(of: ":") ?? word.endIndex
    var names = word[..<colon].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    names[names.count - 1] += word[colon...]
    return names.filter { !$0.isEmpty }
  }
}
