/// The command line of one command: typed values of its options, and the other words.
///
/// `try arguments.epochs` reads the option that the group declares as `epochs`.
@dynamicMemberLookup
struct Arguments<Options: OptionGroup>: Sendable {
  /// The words that belong to no option, such as files.
  let operands: [String]
  private let options: Options
  private let commonOptions: CommonOptions
  /// The words of each option by its name.
  private let words: [String: [String]]

  /// Reads the words after a command's name and checks every value.
  ///
  /// - Parameters:
  ///   - words: the words. An option is written `--name value` or `--name=value`. After `--` no
  ///     word is an option.
  ///   - options: the command's own options.
  ///   - common: the options of every command.
  ///   - operands: the words that the command takes in addition to its options.
  /// - Throws: `UsageError` that names the word or option.
  init(_ words: [String], _ options: Options, common: CommonOptions, operands: [Operand]) throws {
    let declarations = options.declarations + common.declarations
    let sorted = try SortedWords(words, declarations)
    (self.options, commonOptions) = (options, common)
    (self.words, self.operands) = (sorted.options, sorted.operands)
    try operands.check(sorted.operands)
    for declaration in declarations { try declaration.check(sorted.options[declaration.name]) }
  }

  private init(
    _ options: Options, common: CommonOptions, words: [String: [String]], operands: [String]
  ) {
    (self.options, commonOptions, self.words, self.operands) = (options, common, words, operands)
  }

  /// The value of an option.
  ///
  /// - Throws: never after `init`, which has checked every value.
  subscript<Value>(dynamicMember path: KeyPath<Options, Option<Value>>) -> Value {
    get throws {
      let option = options[keyPath: path]
      return try option.value(of: words[option.name])
    }
  }

  /// The values of the options of a nested group.
  subscript<Group: OptionGroup>(dynamicMember path: KeyPath<Options, Group>) -> Arguments<Group> {
    Arguments<Group>(options[keyPath: path], common: commonOptions, words: words, operands: operands)
  }

  /// The values of the options that every command takes.
  var common: Arguments<CommonOptions> {
    Arguments<CommonOptions>(commonOptions, common: commonOptions, words: words, operands: operands)
  }

  /// Returns the value of a given option; nil if its default applies.
  func given<Value>(_ path: KeyPath<Options, Option<Value>>) throws -> Value? {
    let option = options[keyPath: path]
    return try words[option.name].map { try option.value(of: $0) }
  }

  /// The names of the given options, without hyphens.
  var givenNames: [String] { words.keys.sorted() }

  /// Returns an option as written, such as `--seed 3`; nil if it was not given.
  func written<Value>(_ path: KeyPath<Options, Option<Value>>) -> String? {
    let option = options[keyPath: path]
    return words[option.name].map { (["--\(option.name)"] + $0).joined(separator: " ") }
  }

  /// Returns the value of an option that only some calls require.
  ///
  /// - Throws: `UsageError` if it was not given.
  func required<Value>(_ path: KeyPath<Options, Option<Value?>>) throws -> Value {
    guard let value = try self[dynamicMember: path] else {
      throw UsageError.missingOption(options[keyPath: path].usage)
    }
    return value
  }
}

/// The words after a command's name, sorted into options and operands.
private struct SortedWords {
  private(set) var options: [String: [String]] = [:]
  private(set) var operands: [String] = []

  init(_ words: [String], _ declarations: [any OptionDeclaration]) throws {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let option = declarations.first(where: { "--\($0.name)" == parts[0] }) else {
        throw UsageError.unknownOption(parts[0], known: declarations.map(\.name))
      }
      guard option.words.mayRepeat || options[option.name] == nil else {
        throw UsageError.repeatedOption(option.name)
      }
      let inline = parts.dropFirst()
      options[option.name, default: []] += try Self.values(of: option, inline: Array(inline), &rest)
    }
  }

  /// Removes and returns the words of an option.
  private static func values(
    of option: any OptionDeclaration, inline: [String], _ rest: inout ArraySlice<String>
  ) throws -> [String] {
    guard let placeholder = option.placeholder else {
      guard inline.isEmpty else { throw UsageError.unwantedValue(option: option.name) }
      return []
    }
    var found = inline
    while found.isEmpty || option.words == .spaces, let next = rest.first, !next.hasPrefix("--") {
      found.append(next)
      rest.removeFirst()
    }
    guard !found.isEmpty else {
      throw UsageError.missingValue(option: option.name, placeholder: placeholder + option.words.suffix)
    }
    return found
  }
}
