import Foundation
import Testing

@testable import Command

/// What holds for the declarations of every command.
@Suite("Declarations")
struct DeclarationTests {
  /// The words of an example, as a shell parts them.
  private func words(_ example: String) -> [String] {
    example.split(separator: "\"", omittingEmptySubsequences: false).enumerated().flatMap { index, part in
      index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
    }
  }

  /// Reads a command's example as its command line, with other words in front.
  private func readExample<Command: Subcommand>(
    of command: Command.Type, after first: [String] = []
  ) throws {
    let words = words(command.example)
    let name = command.name.split(separator: " ").map(String.init)
    #expect(words.starts(with: ["mcdrl"] + name), "\(command.example)")
    _ = try Arguments(
      first + words.dropFirst(1 + name.count), command.options, common: command.common,
      operands: command.operands)
  }

  @Test("The example of every command is a command line that it takes")
  func examples() throws {
    for command in MCDRLCommand.subcommands { try readExample(of: command) }
  }

  @Test("Every command refuses a word too many and an option that it does not have")
  func strays() throws {
    for command in MCDRLCommand.subcommands {
      #expect(throws: UsageError.self, "\(command.name)") {
        try readExample(of: command, after: ["--no-such-option"])
      }
      guard command.operands.allSatisfy({ $0.count == .one }) else { continue }
      #expect(throws: UsageError.self, "\(command.name)") { try readExample(of: command, after: ["extra"]) }
    }
  }

  @Test("Every command declares each option once, in words of one line, and its usage names no other")
  func declarations() throws {
    for command in MCDRLCommand.subcommands {
      let all = command.optionGroup.declarations + command.common.declarations
      let names = all.map(\.name)
      #expect(Set(names).count == names.count, "\(command.name): \(names)")
      for option in all where !option.isHidden {
        #expect(!option.help.isEmpty && !option.help.contains("\n"), "\(command.name): \(option.name)")
      }
      for match in command.fullUsage.matches(of: /--([a-z-]+)/) {
        #expect(names.contains(String(match.1)), "\(command.name): --\(match.1)")
      }
      for option in all where option.isRequired {
        #expect(command.fullUsage.contains(option.usage), "\(command.name): \(option.usage)")
        #expect(option.remark == "required")
      }
    }
  }

  /// The names of the properties that hold options.
  private func properties(_ group: any OptionGroup) -> [String] {
    Mirror(reflecting: group).children.flatMap { child -> [String] in
      let inner = (child.value as? any OptionGroup).map(properties) ?? []
      return inner + [child.label ?? ""]
    }
  }

  // A command reads options by key paths in its own group, so one that it does not list does not compile.
  // This test is about the other direction.
  @Test("Every option that a command lists is read somewhere")
  func read() throws {
    let folder = Program.root.appendingPathComponent("Sources/Command")
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".swift")
    }
    let source = try files.map {
      try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
    }.joined()
    for command in MCDRLCommand.subcommands {
      // `help` is answered before a command line is read.
      for name in Set(properties(command.optionGroup) + properties(command.common)).subtracting(["help"]) {
        let isRead =
          source.contains("rguments.\(name)") || source.contains("\\.\(name))")
          || ["common", "scoring", "distances", "options", "self"].contains {
            source.contains("\($0).\(name)")
          }
        #expect(isRead, "\(command.name): \(name)")
      }
    }
  }
}
