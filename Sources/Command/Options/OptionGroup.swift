/// A group of options that are declared together as the stored properties of a value.
///
/// A group may hold other groups. A command reads its options by their key paths in its group, so
/// it cannot read an option that its help does not list.
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

/// An empty group of options.
struct NoOptions: OptionGroup {}

/// A word that belongs to no option, such as the run folder of `mcdrl evaluate RUN`.
struct Operand: Sendable {
  /// The number of operands that a command takes.
  enum Count: Sendable {
    case one
    case oneOrMore
    case any
  }

  /// The name of the word in the help.
  let placeholder: String
  /// The name of the word in messages, such as "a run folder".
  let noun: String
  /// The help text, one line.
  let help: String
  let count: Count

  /// Declares one word.
  static func one(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .one)
  }

  /// Declares one word or more.
  static func oneOrMore(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .oneOrMore)
  }

  /// Declares any number of words.
  static func any(_ placeholder: String, _ noun: String, _ help: String) -> Operand {
    Operand(placeholder: placeholder, noun: noun, help: help, count: .any)
  }

  /// The operand in the form of the help: `RUN`, `INPUT…` or `[IMAGE…]`.
  var usage: String {
    switch count {
    case .one: placeholder
    case .oneOrMore: placeholder + "…"
    case .any: "[\(placeholder)…]"
    }
  }
}

extension Collection<Operand> {
  /// Checks the number of words of a command.
  ///
  /// - Throws: `UsageError` that names the extra word or the missing operand.
  func check(_ words: [String]) throws {
    let minimum = filter { $0.count != .any }.count
    guard words.count >= minimum else {
      throw UsageError.missingWords(filter { $0.count != .any }.map(\.noun))
    }
    guard allSatisfy({ $0.count == .one }), words.count > count else { return }
    throw UsageError.strayWord(words[count], wanted: map(\.placeholder))
  }
}
