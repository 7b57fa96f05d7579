import Foundation

/// The declaration of one option of a command: its name, the conversion of its words, its default.
///
/// The help prints the default that `value(of:)` returns. A command reads the value by the key path
/// of the declaration, so a misspelt name does not compile.
struct Option<Value: Sendable>: OptionDeclaration {
  let name: String
  let placeholder: String?
  let help: String
  let words: OptionWords
  let remark: String?
  /// The value without the option; nil if the option is required.
  let absent: Value?
  /// Whether the help leaves the option out, because only the program itself gives it.
  private(set) var isHidden = false
  /// The conversion of the words that follow the name.
  private let read: @Sendable ([String]) throws -> Value

  /// Declares an option of any kind.
  ///
  /// The factories below cover the usual kinds.
  ///
  /// - Parameters:
  ///   - name: the name without the two hyphens.
  ///   - placeholder: the name of the value in the help; nil for a flag.
  ///   - words: the number of words that follow the name.
  ///   - remark: the text in parentheses after the help text.
  ///   - absent: the value without the option; nil if the option is required.
  ///   - help: the help text, one line.
  ///   - read: converts the words. It throws `WrongValue` or an error with a message for the user.
  init(
    _ name: String, _ placeholder: String?, words: OptionWords, remark: String?, absent: Value?,
    _ help: String, read: @escaping @Sendable ([String]) throws -> Value
  ) {
    (self.name, self.placeholder, self.help) = (name, placeholder, help)
    (self.words, self.remark, self.absent, self.read) = (words, remark, absent, read)
  }

  /// Converts the words after the name; returns the default if the words are nil.
  ///
  /// - Throws: `UsageError` that names the option.
  func value(of words: [String]?) throws -> Value {
    guard let words else {
      guard let absent else { throw UsageError.missingOption(self.usage) }
      return absent
    }
    do {
      return try read(words)
    } catch let error as WrongWord {
      throw UsageError.wrongValue(option: name, text: error.word, error.reason)
    } catch let error as UsageError {
      throw error
    } catch {
      throw UsageError.rejected(option: name, text: words.joined(separator: " "), reason: "\(error)")
    }
  }

  func check(_ words: [String]?) throws { _ = try value(of: words) }
}

/// The part of an option that does not depend on the type of its value.
protocol OptionDeclaration: Sendable {
  /// The name without the two hyphens.
  var name: String { get }
  /// The name of the value in the help; nil for a flag.
  var placeholder: String? { get }
  /// The help text, one line.
  var help: String { get }
  /// The number of words that follow the name.
  var words: OptionWords { get }
  /// The text in parentheses after the help text: the default, or "required".
  var remark: String? { get }
  /// Whether a command line without the option is rejected.
  var isRequired: Bool { get }
  /// Whether the help leaves the option out.
  var isHidden: Bool { get }
  /// Checks the given words; nil if the option was not given.
  ///
  /// - Throws: `UsageError` that names the option.
  func check(_ words: [String]?) throws
}

extension OptionDeclaration {
  /// The option in the form of the help: `--set KEY=VALUE …`.
  var usage: String { "--\(name)" + (placeholder.map { " \($0)\(words.suffix)" } ?? "") }
}

extension Option {
  var isRequired: Bool { absent == nil }
}

/// The number of words that follow an option's name.
enum OptionWords: Sendable {
  /// No word: the option is a flag.
  case none
  /// One value.
  case one
  /// One word of several values with commas between them. The option may be repeated.
  case commas
  /// All words up to the next option. The option may be repeated.
  case spaces

  /// The text after the placeholder in the help.
  var suffix: String {
    switch self {
    case .none, .one: ""
    case .commas: ",…"
    case .spaces: " …"
    }
  }

  /// Whether a command line may have the option more than once.
  var mayRepeat: Bool { self != .one }
}

/// An error of a word that an option does not accept.
struct WrongWord: Error {
  let word: String
  let reason: WrongValue
}

extension Option {
  /// Declares a required option.
  static func required(
    _ name: String, _ placeholder: String, _ form: ValueForm<Value>, _ help: String
  ) -> Option {
    Option(name, placeholder, words: .one, remark: "required", absent: nil, help) { try form.last($0) }
  }

  /// Declares an option with a default.
  ///
  /// In the help, `said` replaces a default that differs between machines.
  static func value(
    _ name: String, _ placeholder: String, _ form: ValueForm<Value>, default value: Value,
    said: String? = nil, _ help: String
  ) -> Option {
    Option(name, placeholder, words: .one, remark: said ?? form.text(value), absent: value, help) {
      try form.last($0)
    }
  }

  /// Declares an option whose value is nil unless it is given.
  ///
  /// The remark in the help describes the behaviour without the option.
  static func optional<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, remark: String? = nil, _ help: String
  ) -> Option where Value == T? {
    Option(name, placeholder, words: .one, remark: remark, absent: .some(nil), help) { try form.last($0) }
  }

  /// Declares an option whose value is nil unless it is given, and then replaces a setting.
  static func optional<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, otherwise setting: T, _ help: String
  ) -> Option where Value == T? {
    optional(name, placeholder, form, remark: form.text(setting), help)
  }

  /// Declares an option of several different values with commas: `--format mask,overlay`.
  static func commas<T: Hashable>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, default value: [T] = [], said: String? = nil,
    _ help: String
  ) -> Option where Value == [T] {
    let text = value.map(form.text).joined(separator: ",")
    return Option(
      name, placeholder, words: .commas, remark: said ?? (text.isEmpty ? nil : text), absent: value, help
    ) { words in
      let values = try words.flatMap { $0.split(separator: ",") }.map {
        try form.value($0.trimmingCharacters(in: .whitespaces))
      }
      guard !values.isEmpty else {
        throw WrongWord(word: words.joined(separator: ","), reason: .needs("at least one value is needed"))
      }
      guard Set(values).count == values.count else {
        throw WrongWord(word: words.joined(separator: ","), reason: .needs("different values are needed"))
      }
      return values
    }
  }

  /// Declares an option with all words up to the next option: `--images a.jpg b.jpg`.
  static func spaces<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, isRequired: Bool = false,
    remark: String? = nil, _ help: String
  ) -> Option where Value == [T] {
    Option(
      name, placeholder, words: .spaces, remark: isRequired ? "required" : remark,
      absent: isRequired ? nil : [], help
    ) { try $0.map(form.value) }
  }

  /// Returns the same option, but not required.
  ///
  /// The remark in the help describes the behaviour without the option.
  func optional(_ remark: String?) -> Option<Value?> {
    Option<Value?>(name, placeholder, words: words, remark: remark, absent: .some(nil), help) { try read($0) }
  }

  /// Returns the same option with another remark in the help.
  func remarked(_ remark: String) -> Option {
    Option(name, placeholder, words: words, remark: remark, absent: absent, help, read: read)
  }

  /// Returns the same option, but the help leaves it out.
  func hidden() -> Option {
    var option = self
    option.isHidden = true
    return option
  }

  /// Returns the same option with another text in the help.
  func saying(_ help: String) -> Option {
    Option(name, placeholder, words: words, remark: remark, absent: absent, help, read: read)
  }
}

extension Option<Bool> {
  /// Declares an option without a value.
  static func flag(_ name: String, _ help: String) -> Option {
    Option(name, nil, words: .none, remark: nil, absent: false, help) { _ in true }
  }
}
