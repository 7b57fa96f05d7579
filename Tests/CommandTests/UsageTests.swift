import Foundation
import Testing
import Torch

extension ProgramTests {
  @Suite("Usage")
  struct UsageTests {
    @Test("--help, -h and help show the stored help on every level, on standard output")
    func help() throws {
      let folder = Program.root.appendingPathComponent("Tests/CommandTests/Fixtures/help")
      for command in [[], ["clip"], ["clip", "embed"], ["train"]] {
        let file = folder.appendingPathComponent((["mcdrl"] + command).joined(separator: "-") + ".txt")
        let stored = try String(contentsOf: file, encoding: .utf8)
        for words in [command + ["--help"], command + ["-h"], ["help"] + command] {
          let help = try Program.run(words)
          #expect(help.code == 0 && help.err.isEmpty && help.out == stored, "\(words)")
        }
      }
      #expect(try Program.run([]).out.contains("train"))
      // Help wins over whatever else is wrong with a command line.
      #expect(try Program.run("evaluate", "x", "--nonsense", "-h").code == 0)
      let after = try Program.run("data", "inspect", "--", "-h")
      #expect(after.code == 1 && after.err.contains("-h"), "\(after.err)")
      for command in ["train", "loso"] {
        let help = try Program.run(command, "--help").out
        for name in ["baseline", "clipseg", "mixstyle", "no-dictionary"] {
          #expect(help.contains("  \(name) "), "\(command): \(name)")
        }
      }
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
        (["trian"], "did you mean \"train\"?"), (["data", "inspekt"], "did you mean \"data inspect\"?"),
        (["inspect", "x"], "data inspect"), (["help", "trian"], "did you mean \"train\"?"),
        (["help", "train", "x"], "\"x\""), (["doctor", "--jsno"], "did you mean --json?"),
        (["prompts", "check", "fundsu"], "did you mean \"fundus\"?"),
        (["clip", "embed", "tiny", "--out", "x"], "give --images or --texts"),
        (["clip", "embed", "tiny", "--out", "x", "--texts", "a", "--dense", "slip"], "\"sclip\""),
        (["train", "--data", "x"], "--out"), (["train", "--out"], "--out"),
        (["doctor", "--threads", "0"], "--threads 0"), (["doctor", "--json=1"], "--json"),
        (["prompts", "check"], "prompt file"), (["doctor", "--device", "gpu"], "--device gpu"),
        (["doctor", "--device", "cpu"], "--parity"),
        (["evaluate"], "run folder"),
        (["predict", "run"], "input"), (["predict", "run", "x", "--out", "y", "--format", "gif"], "gif"),
        (["bench", "--only", "speed"], "--only speed"), (["bench", "--models", "vit"], "--models vit"),
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

    @Test("A word too many is refused with the usage, in at most three lines")
    func strays() throws {
      for words in [["train", "--out", "o", "extra"], ["doctor", "extra"], ["report", "d", "extra"]] {
        let outcome = try Program.run(words)
        #expect(outcome.code == 2 && outcome.err.contains("\"extra\" belongs to no option"), "\(words)")
        #expect(outcome.err.contains("\nusage: mcdrl \(words[0])"), "\(outcome.err)")
        #expect(outcome.err.split(separator: "\n").count <= 3, "\(outcome.err)")
      }
    }

    @Test(
      "A device that this libtorch lacks is refused with exit code 2, also as a setting",
      .enabled(if: !Machine.hasCUDA && !Machine.hasMPS))
    func device() throws {
      let shop = try Workshop()
      let image = shop.file("data/a/images/0.png").path
      let embedding = ["clip", "embed", "x", "--images", image, "--out", shop.file("f").path]
      for words in [
        shop.training("run"), ["evaluate", "x"], ["predict", "x", image, "--out", "y"], embedding,
      ] {
        for device in ["cuda:0", "mps"] {
          let outcome = try Program.run(words + ["--device", device])
          #expect(outcome.code == 2, "\(outcome.err)")
          #expect(outcome.err.contains("--device \(device)") && outcome.err.contains("libtorch"))
        }
      }
      let setting = try Program.run(shop.training("run", more: ["device=cuda:0"]))
      #expect(
        setting.code == 2 && setting.err.contains("device: ") && setting.err.contains("cuda:0"),
        "\(setting.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("run").path))
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

    @Test("A geometry that comes with the project is found from any folder")
    func projectFiles() throws {
      let shop = try Workshop()
      let info = try Program.run(
        ["clip", "info", "random:Configurations/vit-tiny-p8-64.json", "--json"], from: shop.url)
      #expect(info.code == 0, "\(info.err)")
      let missing = try Program.run(["clip", "info", "random:no-such.json"], from: shop.url)
      #expect(missing.code == 1 && missing.err.contains("no-such.json"), "\(missing.err)")
    }

    @Test("doctor --json is one document that names libtorch")
    func doctor() throws {
      let outcome = try Program.run("doctor", "--json")
      #expect(outcome.code == 0)
      let checks = try #require(outcome.json() as? [[String: String]])
      #expect(checks.contains { $0["what"] == "libtorch" && $0["found"]?.hasPrefix("2.") == true })
    }

    @Test("doctor --parity compares the CPU with itself, bit for bit in float32")
    func parity() throws {
      let outcome = try Program.run("doctor", "--parity", "--json", "--threads", "1")
      #expect(outcome.code == 0, "\(outcome.err)")
      let checks = try #require(outcome.json() as? [[String: Any]])
      #expect(checks.count == 10 && checks.allSatisfy { $0["passed"] as? Bool == true })
      let exact = checks.filter { $0["precision"] as? String == "float32" }
      #expect(exact.map { $0["name"] as? String } == ["encode", "forward", "loss", "gradient", "step"])
      #expect(exact.allSatisfy { ($0["difference"] as? Double) == 0 })
    }

    @Test("An option that is given twice, and a threshold beyond 1, are wrong usage")
    func once() throws {
      let twice = try Program.run("train", "--hold-out", "a", "--hold-out", "b")
      #expect(twice.code == 2 && twice.err.contains("--hold-out"), "\(twice.err)")
      let wide = try Program.run("predict", "run", "image.png", "--out", "o", "--threshold", "2")
      #expect(wide.code == 2 && wide.err.contains("--threshold"), "\(wide.err)")
    }
  }
}
