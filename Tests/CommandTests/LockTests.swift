import Foundation
import Storage
import Testing

extension ProgramTests {
  @Suite("One process for each folder")
  struct LockTests {
    @Test("Of two trainings into one folder the second is refused, and the first ends with its own settings")
    func trainings() throws {
      let shop = try Workshop()
      let first = try Program.start(shop.training("run", epochs: 40, holdOut: "c"), in: shop.url)
      defer { if first.isRunning { kill(first.processIdentifier, SIGKILL) } }
      try #require(shop.wait(for: "run/.lock", of: first))
      for (sign, words) in [
        ("run/.lock", shop.training("run", epochs: 1, holdOut: "b")),
        ("run/config.json", ["train", "--out", shop.file("run").path, "--resume"]),
      ] {
        try #require(shop.wait(for: sign, of: first))
        let second = try Program.run(words)
        #expect(second.code == 1, "\(second.err)")
        for part in [shop.file("run").path, "process \(first.processIdentifier) ", "--out"] {
          #expect(second.err.contains(part), "\(part) in \(second.err)")
        }
      }
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
      let config = try String(contentsOf: shop.file("run/config.json"), encoding: .utf8)
      #expect(config.contains(#""holdOut" : "c""#))
      // The kernel has released the lock of the killed process.
      let next = try Program.run(["train", "--out", shop.file("run").path, "--resume", "--threads", "1"])
      #expect(next.code == 0, "\(next.err)")
    }

    @Test("Every command that writes a folder is refused while another process uses it")
    func everyCommand() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let study = [
        "--data", shop.data.path, "--clip", "random:Configurations/vit-tiny-p8-64.json", "--epochs", "1",
        "--allow-leakage", "--out", shop.file("used").path,
      ]
      let (run, image) = (shop.file("run").path, shop.data.appendingPathComponent("c/images/0.png").path)
      let used = shop.file("used").path
      for words in [
        shop.training("used", epochs: 1), ["loso"] + study, ["ablate", "--study", "depth"] + study,
        ["demo", "--out", used], ["synth", "--sites", "1", "--per-site", "1", "--out", used],
        ["predict", run, image, "--out", used], ["explain", run, image, "--out", used],
        ["clip", "pretrain", "--images", "4", "--steps", "1", "--batch", "2", "--out", used],
        ["bench", "--quick", "--no-peers", "--out", used],
        ["bench", "--quick", "--no-peers", "--out", shop.file("records").path, "--work", used],
      ] { try refused(words, while: shop.file("used")) }
      for words in [["evaluate", run], ["train", "--out", run, "--resume"]] {
        try refused(words, while: shop.file("run"))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: shop.url.path).contains("used") == false)
    }

    /// Expects that a command is refused while this process has the folder, with its number.
    private func refused(_ words: [String], while folder: URL) throws {
      let lock = try FolderLock(folder)
      defer { withExtendedLifetime(lock) {} }
      let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      let outcome = try Program.run(words)
      #expect(outcome.code == 1, "\(words): \(outcome.err)")
      for part in [folder.path, "process \(ProcessInfo.processInfo.processIdentifier) "] {
        #expect(outcome.err.contains(part), "\(words): \(part) in \(outcome.err)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
    }

    @Test("A command that fails before its work leaves no folder")
    func failed() throws {
      let shop = try Workshop()
      let (out, none) = (shop.file("new/deep").path, shop.file("none").path)
      for words in [
        ["train", "--data", none, "--clip", "tiny", "--hold-out", "c", "--out", out],
        [
          "train", "--data", shop.data.path, "--clip", "tiny", "--hold-out", "c", "--tune", "last-9", "--out",
          out,
        ],
        ["loso", "--data", none, "--clip", "tiny", "--out", out],
        ["clip", "pretrain", "--data", none, "--out", out], ["train", "--resume", "--out", out],
      ] {
        let outcome = try Program.run(words)
        #expect(outcome.code != 0)
        #expect(!FileManager.default.fileExists(atPath: shop.file("new").path), "\(words)")
      }
    }
  }
}
