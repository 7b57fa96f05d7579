import Studies

/// The help of one command, from its declarations.
struct Help: CustomStringConvertible {
  /// A list below the options, for example of methods.
  struct Section: Sendable {
    let title: String
    let entries: [(name: String, summary: String)]

    /// The methods that `train` and `loso` accept.
    static var methods: Section {
      Section(
        title: "methods (docs/reference/methods.md)",
        entries: ArmDefinition.known(MCDRLCommand.methods).map { ($0.name, $0.summary) })
    }
  }

  /// The width of the lines.
  static let width = 100

  let command: any Subcommand.Type

  var description: String {
    let own = command.optionGroup.declarations.filter { !$0.isHidden }
    var parts = [command.summary, "usage: mcdrl \(command.fullUsage)"]
    let operands = command.operands.map { ($0.usage, $0.help) }
    if !operands.isEmpty { parts.append(Self.list(operands)) }
    if !own.isEmpty { parts.append("options:\n" + Self.list(own.map(Self.entry))) }
    parts.append("options of every command:\n" + Self.list(command.common.declarations.map(Self.entry)))
    let notes = Self.notes(own)
    if !notes.isEmpty { parts.append(notes.joined(separator: "\n")) }
    parts += command.sections.map { "\($0.title):\n" + Self.list($0.entries) }
    parts.append("example:\n  " + command.example)
    return parts.joined(separator: "\n\n")
  }

  /// Returns the help of several commands.
  static func overview(_ commands: [any Subcommand.Type], family: String? = nil) -> String {
    let example = commands.count == 1 || family != nil ? commands.first?.example : nil
    return """
      mcdrl: causal-driven segmentation of medical images that holds at sites the model never saw

      usage: mcdrl \(family.map { $0 + " " } ?? "")COMMAND …

      \(list(commands.map { ($0.name, $0.summary) }))

      mcdrl COMMAND --help, or mcdrl help COMMAND, shows the options of a command.
      mcdrl --version shows the version.

      example:
        \(example ?? TrainCommand.example)
      """
  }

  private static func entry(_ option: any OptionDeclaration) -> (String, String) {
    let name = (option.name == "help" ? "-h, " : "") + option.usage
    return (name, option.help + (option.remark.map { " (\($0))" } ?? ""))
  }

  /// Returns notes on the syntax of the lists among some options.
  private static func notes(_ options: [any OptionDeclaration]) -> [String] {
    func note(_ words: OptionWords, _ text: String) -> String? {
      let lists = options.filter { $0.words == words }.compactMap(\.placeholder).map { $0 + words.suffix }
      let names = lists.enumerated().filter { lists.firstIndex(of: $1) == $0 }.map(\.element)
      return names.isEmpty ? nil : "\(UsageError.list(names, last: "and")): \(text)"
    }
    return [
      note(.commas, "one value, or several with commas between them"),
      note(.spaces, "one word, or several with spaces between them"),
    ].compactMap { $0 }
  }

  /// Formats a line for each name with its text beside it.
  ///
  /// Long texts continue on the next lines.
  static func list(_ entries: [(name: String, summary: String)]) -> String {
    let longest = entries.map(\.name.count).max() ?? 0
    let column = 2 + min(longest, 28) + 2
    let margin = String(repeating: " ", count: column)
    return entries.map { name, text in
      let lines = wrapped(text, to: width - column)
      let start = "  " + name
      // A long name has its own line.
      guard start.count + 2 <= column else {
        return ([start] + lines.map { margin + $0 }).joined(separator: "\n")
      }
      return
        (start + String(repeating: " ", count: column - start.count)
        + lines.joined(separator: "\n" + margin))
    }.joined(separator: "\n")
  }

  private static func wrapped(_ text: String, to width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] = line + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
