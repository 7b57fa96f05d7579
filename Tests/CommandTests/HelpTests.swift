import Foundation
import Testing

@testable import Command

/// The help of every command, compared with the texts in `Fixtures/help` and with those that the program
/// prints before libtorch starts.
///
/// After a change that is meant, write the texts again and read the difference before you commit it:
///
///     RENEW_HELP=1 swift test --filter HelpTests
///     git diff Tests/CommandTests/Fixtures/help Sources/CHelp/help.txt
@Suite("Help")
struct HelpTests {
  private static let folder = Program.root.appendingPathComponent("Tests/CommandTests/Fixtures/help")

  /// Every text, by the name of its file.
  private var texts: [String: String] {
    get throws {
      let names = MCDRLCommand.subcommands.map { $0.name.split(separator: " ").map(String.init) }
      let families = Set(names.filter { $0.count > 1 }.map { [$0[0]] }).subtracting(names)
      return try Dictionary(
        uniqueKeysWithValues: (names + families + [[]]).map { words in
          ((["mcdrl"] + words).joined(separator: "-") + ".txt", try MCDRLCommand.help(words) + "\n")
        })
    }
  }

  /// The texts of `Sources/CHelp/help.txt`: each after a form feed and the words that ask for it.
  private var early: String {
    get throws {
      let names = MCDRLCommand.subcommands.map { $0.name }
      let families = Set(
        names.filter { $0.contains(" ") }.compactMap { $0.split(separator: " ").first.map(String.init) })
      let entries =
        [("* --version", "mcdrl \(MCDRLCommand.version)\n"), ("*", try MCDRLCommand.help([]) + "\n")]
        + (try names.map { ($0, try MCDRLCommand.help($0.split(separator: " ").map(String.init)) + "\n") })
        + (try families.map { ("\($0) *", try MCDRLCommand.help([$0]) + "\n") })
      return entries.sorted { $0.0 < $1.0 }.map { "\u{c}\($0)\n\($1)" }.joined()
    }
  }

  @Test("What the program prints before libtorch starts is the help of its commands")
  func embedded() throws {
    let file = Program.root.appendingPathComponent("Sources/CHelp/help.txt")
    if ProcessInfo.processInfo.environment["RENEW_HELP"] != nil { try Data(early.utf8).write(to: file) }
    #expect(
      try String(contentsOf: file, encoding: .utf8) == early,
      "RENEW_HELP=1 swift test --filter HelpTests writes it again")
  }

  @Test("The help of every command is as it is stored")
  func snapshots() throws {
    let texts = try texts
    if ProcessInfo.processInfo.environment["RENEW_HELP"] != nil {
      try? FileManager.default.removeItem(at: Self.folder)
      try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
      for (name, text) in texts { try Data(text.utf8).write(to: Self.folder.appendingPathComponent(name)) }
    }
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: Self.folder.path)) == Set(texts.keys))
    for (name, text) in texts {
      let stored = try? String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
      #expect(stored == text, "\(name): RENEW_HELP=1 swift test --filter HelpTests writes it again")
    }
  }

  @Test("Every help has a usage and an example, and no line is wider than a page but for these two")
  func lines() throws {
    for (name, text) in try texts {
      #expect(text.contains("\nusage: mcdrl") && text.contains("\nexample:\n  mcdrl "), "\(name)")
      for line in text.split(separator: "\n") where line.count > Help.width {
        #expect(line.hasPrefix("usage: ") || line.hasPrefix("  mcdrl "), "\(name): \(line)")
      }
    }
  }
}
