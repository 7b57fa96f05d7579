import Foundation
import Storage

/// An error of a command line that requests something impossible; exit code 2.
indirect enum UsageError: Error {
  /// A word names no command; the known names are alternatives.
  case unknownCommand(String, known: [String])
  /// The command does not know the name, which has its hyphens.
  case unknownOption(String, known: [String])
  /// An option has no value, at the end of the line or before another option.
  case missingValue(option: String, placeholder: String)
  /// A flag has a value.
  case unwantedValue(option: String)
  /// An option with one value occurs twice.
  case repeatedOption(String)
  /// A required option, in the form of the help, is missing.
  case missingOption(String)
  /// None of several options is given, but one is required.
  case missingOneOf([String])
  /// The option does not accept the value.
  case wrongValue(option: String, text: String, WrongValue)
  /// A value was rejected with its own message.
  case rejected(option: String, text: String?, reason: String)
  /// Operands are missing, such as "a run folder".
  case missingWords([String])
  /// There is a word too many; the placeholders name the words that the command takes.
  case strayWord(String, wanted: [String])
  /// Another option makes an option, as written, meaningless.
  case conflict(String, with: String, reason: String)
  /// Several operands are given, such as "run folder", which only an option allows.
  case tooMany(String, found: Int, allowedWith: String)
  /// One option names an image and the other a folder.
  case imageAndFolder(String, String)
  /// An input is given as words and by an option, or in neither way.
  case eitherOr(words: String, or: String, option: String, both: Bool)
  /// An output folder holds something else.
  case folderInUse(URL, holds: String, fix: String)
  /// An output folder also holds an input.
  case wouldOverwrite(input: URL, in: URL)
  /// The work of a folder was started with other settings.
  case otherSettings(option: String, in: URL, changed: [SettingChange])
  /// With `--resume`, there is no started work.
  case nothingToResume(URL)
  /// An option differs from the resumed run, whose own value follows.
  case differsFromRun(option: String, own: String)
  /// The library rejected settings.
  case settings(any Error)
  /// One of the project's files was not found; the option is the alternative.
  case projectFileMissing(String, instead: String)
  /// A name is none of the project's prompt files.
  case unknownPrompts(String, known: [String])
  /// An error of a command, to be shown with the usage.
  case inCall(UsageError, usage: String)
}

extension UsageError {
  /// Whether a device was rejected, which another machine may have.
  var isOfDevice: Bool {
    switch self {
    case .rejected(let option, _, _): option == "device"
    case .inCall(let error, _): error.isOfDevice
    default: false
    }
  }
}

extension UsageError: CustomStringConvertible {
  /// One to three lines: the word or option, the fault and the fix.
  var description: String {
    switch self {
    case .unknownCommand(let word, let known):
      let suggestion = Self.suggestion(for: word, among: known)
      return "\"\(word)\" is not a command\(suggestion.isEmpty ? "; see mcdrl --help" : suggestion)"
    case .unknownOption(let name, let known):
      let suggestion = Self.suggestion(for: name, among: known.map { "--" + $0 }, quoted: false)
      return "\(name) is not an option here\(suggestion.isEmpty ? "; see --help" : suggestion)"
    case .missingValue(let option, let placeholder): return "--\(option) needs a value: \(placeholder)"
    case .unwantedValue(let option): return "--\(option) takes no value"
    case .repeatedOption(let option): return "--\(option) is given twice; give it once"
    case .missingOption(let usage): return "\(Self.name(in: usage)) is missing; add \(usage)"
    case .missingOneOf(let options):
      return "give " + Self.list(options.map { "--" + $0 }, last: "or")
    case .wrongValue(let option, let text, .needs(let needs)): return "--\(option) \(text): \(needs)"
    case .wrongValue(let option, let text, .unknown(let known)):
      return "--\(option) \(text) is not known; use \(Self.list(known, last: "or"))"
        + Self.suggestion(for: text, among: known)
    case .rejected(let option, let text, let reason):
      return "--\(option)\(text.map { " " + $0 } ?? ""): \(reason)"
    case .missingWords(let nouns): return "give " + Self.list(nouns, last: "and")
    case .strayWord(let word, let wanted):
      let takes = wanted.isEmpty ? "options only" : Self.list(wanted, last: "and") + " only"
      return "\"\(word)\" belongs to no option; this command takes \(takes)"
    case .conflict(let option, let other, let reason):
      return "\(option) does not go with --\(other): \(reason)"
    case .tooMany(let noun, let found, let option):
      return "give one \(noun), not \(found); several go with --\(option) only"
    case .imageAndFolder(let first, let second):
      return "--\(first) and --\(second) must both be images or both be folders"
    case .eitherOr(let words, let other, let option, let both):
      return both ? "give \(words) or \(other), not both" : "give \(words), or \(other) with --\(option)"
    case .settings(let error): return "\(error)"
    case .folderInUse(let folder, let holds, let fix): return "--out \(folder.path): holds \(holds); \(fix)"
    case .wouldOverwrite(let input, let folder):
      return "--out: \(input.lastPathComponent) is read from \(folder.path) and could be overwritten; "
        + "choose another folder"
    case .otherSettings(let option, let place, let changed):
      let names = changed.isEmpty ? "" : ": " + SettingChange.text(changed)
      return "--\(option): \(place.path) was started with other settings\(names)\n"
        + "give the options of that call, or another --out"
    case .nothingToResume(let file): return "--resume: \(file.path) is not there; start without --resume"
    case .differsFromRun(let option, let own):
      return "\(option): the run was started with \(own); leave the option out to continue it, "
        + "or start a new run with another --out"
    case .projectFileMissing(let path, let instead): return "\(path) was not found; give \(instead)"
    case .unknownPrompts(let name, let known):
      return "\(name): neither a file nor one of the prompt files of mcdrl prompts list: "
        + Self.list(known, last: "and") + Self.suggestion(for: name, among: known)
    case .inCall(let error, let usage): return "\(error)\nusage: mcdrl \(usage)"
    }
  }

  /// Returns `--out` of `--out DIR`.
  private static func name(in usage: String) -> String { String(usage.prefix { $0 != " " }) }

  /// Formats words as `a, b or c`.
  static func list(_ words: [String], last: String) -> String {
    guard let final = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) " + final
  }

  /// Returns "; did you mean …?" with a similar known word.
  ///
  /// A similar word begins or ends as this one, or differs in few letters.
  static func suggestion(for word: String, among known: [String], quoted: Bool = true) -> String {
    // `--ep` is the start of --epochs, `inspect` the end of `data inspect`.
    let begun = known.filter {
      $0.hasSuffix(" " + word) || $0.hasPrefix(word) && word.filter(\.isLetter).count > 1
    }
    let limit = word.count <= 3 ? 1 : max(2, word.count / 3)
    let near = known.filter { Spelling.distance(word.lowercased(), $0.lowercased()) <= limit }
    return Spelling.suggestion(for: word, among: begun.isEmpty ? near : begun, quoted: quoted)
  }
}
