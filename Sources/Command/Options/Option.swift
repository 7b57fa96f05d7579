import Foundation

/// One option of a command, declared once: its name, how its words become a value, and its default.
///
/// The help prints the default that `value(of:)` returns. A command reads the value by the key path of
/// the declaration, so a misspelt name does not compile.
struct Option<Value: Sendable>: OptionDeclaration {
  let name: String
  let placeholder: String?
  let help: String
  let words: OptionWords
  let remark: String?
  /// The value without the option; nil when the option is required.
  let absent: Value?
  /// Reads the words that follow the name.
  private let read: @Sendable ([String]) throws -> Value

  /// Declares an option of any kind.
  ///
  /// The factories below cover the usual kinds.
  ///
  /// - Parameters:
  ///   - name: Without the two hyphens.
  ///   - placeholder: Stands for the value in the help; nil for a flag.
  ///   - words: How many words follow the name.
  ///   - remark: Stands in parentheses after the help text.
  ///   - absent: The value without the option; nil when the option is required.
  ///   - help: One line.
  ///   - read: Reads the words. Throws `WrongValue` or an error with a message for the user.
  init(
    _ name: String, _ placeholder: String?, words: OptionWords, remark: String?, absent: Value?,
    _ help: String, read: @escaping @Sendable ([String]) throws -> Value
  ) {
    (self.name, self.placeholder, self.help) = (name, placeholder, help)
    (self.words, self.remark, self.absent, self.read) = (words, remark, absent, read)
  }

  /// The value of the words after the name, or the default when the words are nil.
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
  /// Without the two hyphens.
  var name: String { get }
  /// Stands for the value in the help; nil for a flag.
  var placeholder: String? { get }
  /// One line.
  var help: String { get }
  /// How many words follow the name.
  var words: OptionWords { get }
  /// Stands in parentheses after the help text: the default, or "required".
  var remark: String? { get }
  /// Whether a command line without the option is refused.
  var isRequired: Bool { get }
  /// Checks the words that were given; nil when the option was not given.
  ///
  /// - Throws: `UsageError` that names the option.
  func check(_ words: [String]?) throws
}

extension OptionDeclaration {
  /// `--set KEY=VALUE …`, as the help shows it.
  var usage: String { "--\(name)" + (placeholder.map { " \($0)\(words.suffix)" } ?? "") }
}

extension Option {
  var isRequired: Bool { absent == nil }
}

/// How many words follow an option's name.
enum OptionWords: Sendable {
  /// A flag.
  case none
  /// One value.
  case one
  /// One word of several values with commas between them. The option may be repeated.
  case commas
  /// All words up to the next option. The option may be repeated.
  case spaces

  /// Stands behind the placeholder in the help.
  var suffix: String {
    switch self {
    case .none, .one: ""
    case .commas: ",…"
    case .spaces: " …"
    }
  }

  /// Whether the option may stand on a command line more than once.
  var mayRepeat: Bool { self != .one }
}

/// A word that an option cannot take.
struct WrongWord: Error {
  let word: String
  let reason: WrongValue
}

extension Option {
  /// An option that must be given.
  static func required(
    _ name: String, _ placeholder: String, _ form: ValueForm<Value>, _ help: String
  ) -> Option {
    Option(name, placeholder, words: .one, remark: "required", absent: nil, help) { try form.last($0) }
  }

  /// An option with a default.
  ///
  /// `said` stands for it in the help when it differs between machines.
  static func value(
    _ name: String, _ placeholder: String, _ form: ValueForm<Value>, default value: Value,
    said: String? = nil, _ help: String
  ) -> Option {
    Option(name, placeholder, words: .one, remark: said ?? form.text(value), absent: value, help) {
      try form.last($0)
    }
  }

  /// An option whose value is nil unless it is given.
  ///
  /// The remark says in the help what holds without it.
  static func optional<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, remark: String? = nil, _ help: String
  ) -> Option where Value == T? {
    Option(name, placeholder, words: .one, remark: remark, absent: .some(nil), help) { try form.last($0) }
  }

  /// An option whose value is nil unless it is given, and which then replaces a setting.
  static func optional<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, otherwise setting: T, _ help: String
  ) -> Option where Value == T? {
    optional(name, placeholder, form, remark: form.text(setting), help)
  }

  /// Several different values with commas between them: `--format mask,overlay`.
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

  /// All words up to the next option: `--images a.jpg b.jpg`.
  static func spaces<T>(
    _ name: String, _ placeholder: String, _ form: ValueForm<T>, isRequired: Bool = false,
    remark: String? = nil, _ help: String
  ) -> Option where Value == [T] {
    Option(
      name, placeholder, words: .spaces, remark: isRequired ? "required" : remark,
      absent: isRequired ? nil : [], help
    ) { try $0.map(form.value) }
  }

  /// The same option where a command can do without it.
  ///
  /// The remark says in the help what holds then.
  func optional(_ remark: String?) -> Option<Value?> {
    Option<Value?>(name, placeholder, words: words, remark: remark, absent: .some(nil), help) { try read($0) }
  }

  /// The same option with another remark in the help.
  func remarked(_ remark: String) -> Option {
    Option(name, placeholder, words: words, remark: remark, absent: absent, help, read: read)
  }

  /// The same option with another text in the help.
  func saying(_ help: String) -> Option {
    Option(name, placeholder, words: words, remark: remark, absent: absent, help, read: read)
  }
}

extension Option<Bool> {
  /// An option without a value.
  static func flag(_ name: String, _ help: String) -> Option {
    Option(name, nil, words: .none, remark: nil, absent: false, help) { _ in true }
  }
}
