import Foundation
import Testing

extension ProgramTests {
  @Suite("Usage")
  struct UsageTests {
    @Test("Help on every level shows usage and an example, on standard output")
    func help() throws {
      let commands = [
        "", "doctor", "demo", "data", "data inspect", "clip", "clip info", "clip embed", "clip tokenize",
        "train", "evaluate", "predict", "metrics", "prompts", "prompts check", "prompts list",
      ]
      for command in commands {
        let help = try Program.run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(help.code == 0 && help.err.isEmpty, "\(command)")
        #expect(help.out.contains("usage: mcdrl") && help.out.contains("example:"), "\(command)")
      }
      #expect(try Program.run([]).out.contains("train"))
    }

    @Test("The version is one line")
    func version() throws {
      let version = try Program.run("--version")
      #expect(version.code == 0 && version.out.hasPrefix("mcdrl "))
      #expect(version.out.filter { $0 == "\n" }.count == 1)
    }

    @Test(
      "What cannot be understood is named, with exit code 2",
      arguments: [
        (["trian"], "trian"), (["data", "inspekt"], "inspekt"), (["doctor", "--jsno"], "--jsno"),
        (["train", "--data", "x"], "--out"), (["train", "--out"], "--out"),
        (["doctor", "--threads", "0"], "--threads 0"), (["doctor", "--json=1"], "--json"),
        (["prompts", "check"], "prompt file"), (["doctor", "--device", "gpu"], "--device gpu"),
        (["evaluate"], "run folder"),
        (["predict", "run"], "input"), (["predict", "run", "x", "--out", "y", "--format", "gif"], "gif"),
        (["metrics", "--prediction", "x"], "--reference"), (["data", "inspect"], "data folder"),
        (
          ["train", "--out", "/tmp/x", "--clip", "c", "--data", "d", "--hold-out", "h", "--epochs", "1.5"],
          "1.5"
        ),
      ] as [([String], String)])
    func wrong(words: [String], named: String) throws {
      let outcome = try Program.run(words)
      #expect(outcome.code == 2, "\(words)")
      #expect(outcome.err.hasPrefix("mcdrl: ") && outcome.err.contains(named), "\(outcome.err)")
      #expect(outcome.out.isEmpty)
    }

    @Test("clip tokenize reads Hugging Face's and OpenCLIP's folders")
    func tokenize() throws {
      let fixtures = Program.root.appendingPathComponent("Tests/CLIPTests/Fixtures")
      func ids(_ folder: String) throws -> [[Int]] {
        let outcome = try Program.run(
          "clip", "tokenize", fixtures.appendingPathComponent(folder).path, "--texts", "a polyp", "")
        #expect(outcome.code == 0, "\(outcome.err)")
        return try #require(outcome.json() as? [[Int]])
      }
      // The folders hold one model.
      let hugging = try ids("tiny-hf")
      #expect(try ids("tiny-openclip") == hugging)
      #expect(hugging.count == 2 && hugging[0].count > 3 && hugging[1].count == 2)
      let nothing = try Program.run("clip", "tokenize", fixtures.appendingPathComponent("tiny-openclip").path)
      #expect(nothing.code == 2 && nothing.err.contains("--texts"))
    }

    @Test("doctor --json is one document that names libtorch")
    func doctor() throws {
      let outcome = try Program.run("doctor", "--json")
      #expect(outcome.code == 0)
      let checks = try #require(outcome.json() as? [[String: String]])
      #expect(checks.contains { $0["what"] == "libtorch" && $0["found"]?.hasPrefix("2.") == true })
    }
  }
}
