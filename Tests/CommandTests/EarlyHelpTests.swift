import Foundation
import Testing

@testable import Command

extension ProgramTests {
  /// Help and version, which the program prints before the libraries of the system start.
  @Suite("Early help")
  struct EarlyHelpTests {
    /// The output of a call, and whether libtorch was initialised.
    private func call(_ words: [String]) throws -> (outcome: Outcome, startsLibtorch: Bool) {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("call-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let trace = folder.appendingPathComponent("trace")
      // The dynamic linker lists the libraries that it initialises.
      let process = try Program.start(
        words, in: folder, adding: ["LD_DEBUG": "files", "LD_DEBUG_OUTPUT": trace.path])
      process.waitUntilExit()
      func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }
      let traced = try text(URL(fileURLWithPath: "\(trace.path).\(process.processIdentifier)"))
      try #require(traced.contains("libtorch_cpu"))
      let outcome = Outcome(
        code: process.terminationStatus, out: try text(folder.appendingPathComponent("stdout")),
        err: try text(folder.appendingPathComponent("stderr")))
      return (
        outcome,
        traced.split(separator: "\n").contains { $0.contains("calling init") && $0.contains("libtorch_cpu") }
      )
    }

    #if os(Linux)
      @Test(
        "Help and version do not wait for libtorch, and are what the declarations say",
        arguments: [
          [], ["--help"], ["-h", "train"], ["help"], ["help", "clip", "embed"], ["clip"], ["clip", "--help"],
          ["help", "clip"], ["demo", "--full", "--help"], ["clip", "zero-shot", "x", "-h"],
        ])
      func early(_ words: [String]) throws {
        let (outcome, startsLibtorch) = try call(words)
        let named = words.filter { !["help", "x", "--full", "-h", "--help"].contains($0) }
        let wanted = try MCDRLCommand.help(words.first == "-h" ? [] : named)
        #expect(outcome.code == 0 && outcome.out == wanted + "\n" && outcome.err.isEmpty)
        #expect(!startsLibtorch)
      }

      @Test("The version names libtorch without starting it")
      func version() throws {
        let (outcome, startsLibtorch) = try call(["--version"])
        #expect(outcome.code == 0 && !startsLibtorch)
        #expect(outcome.out.hasPrefix("mcdrl \(MCDRLCommand.version) (libtorch 2."), "\(outcome.out)")
      }

      @Test(
        "Whatever is no plain question for help is the program's own to answer",
        arguments: [
          ["clip", "nonsense", "--help"], ["help", "train", "more"], ["--version", "--help"],
          ["clip embed", "--help"], ["train", "--", "--help"], ["*", "--help"],
        ])
      func late(_ words: [String]) throws {
        let (outcome, startsLibtorch) = try call(words)
        #expect(startsLibtorch)
        #expect(outcome.code == (words[0] == "--version" ? 0 : 2), "\(outcome.out) \(outcome.err)")
      }
    #endif
  }
}
