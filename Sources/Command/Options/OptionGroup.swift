/// Options that are declared together: the stored properties of a value.
///
/// A group may hold other groups. A command reads its options by their key paths in its group, so it
/// cannot read an option that its help does not list.
protocol OptionGroup: Sendable {}

extension OptionGroup {
  /// The options, in the order of their declaration.
  var declarations: [any OptionDeclaration] {
    Mirror(reflecting: self).children.flatMap { child -> [any OptionDeclaration] in
      switch child.value {
      case let option as any OptionDeclaration: [option]
      case let group as any OptionGroup: group.declarations
      default: []
      }
    }
  }
}

/// No options.
struct NoOptions: OptionGroup {}

/// A word that belongs to no option, such as the run folder of `mcdrl evaluate RUN`.
struct Operand: Sendable {
  /// How many of them a command takes.
  enum Count: Sendable {
    case one
    case oneOrMore
    case any
  }

  /// Stands for the word in the help.
  let placeholder: String
  /// Names the word in messages, such as "a run folder".
  let noun: String
  /// One line.
  let help: String
  let count: Count

  /// One word.
  static func one(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .one)
  }

  /// One word or more.
  static func oneOrMore(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .oneOrMore)
  }

  /// Any number of words.
  static func any(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .any)
  }

  /// `RUN`, `INPUT…` or `[IMAGE…]`, as the help shows it.
  var usage: String {
    switch count {
    case .one: placeholder
    case .oneOrMore: placeholder + "…"
    case .any: "[\(placeholder)…]"
    }
  }
}

extension Collection<Operand> {
  /// Checks how many words a command was given.
  ///
  /// - Throws: `UsageError` that names the word that is too many, or says what is missing.
  func check(_ words: [String]) throws {
    let minimum = filter { $0.count != .any }.count
    guard words.count >= minimum else {
      throw UsageError.missingWords(filter { $0.count != .any }.map(\.noun))
    }
    guard allSatisfy({ $0.count == .one }), words.count > count else { return }
    throw UsageError.strayWord(words[count], wanted: map(\.placeholder))
  }
}
