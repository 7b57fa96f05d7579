import Foundation
import TestSupport
import Testing

extension ProgramTests {
  @Suite("clip pretrain and evaluate in several processes")
  struct SharedCommandTests {
    /// Starts a command as each process of one group, with the variables of torchrun.
    private func run(
      _ words: [String], processes count: Int, restarts: Int = 0, in shop: Workshop
    ) throws -> [Outcome] {
      let port = try RankThreads.freePort()
      let folders = (0..<count).map { shop.file("rank-\($0)-\(UUID().uuidString)") }
      let started = try folders.enumerated().map { rank, folder in
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return try Program.start(
          words, in: folder,
          adding: [
            "RANK": "\(rank)", "WORLD_SIZE": "\(count)", "LOCAL_RANK": "\(rank)",
            "LOCAL_WORLD_SIZE": "\(count)", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
            "TORCHELASTIC_RESTART_COUNT": "\(restarts)",
          ])
      }
      return try zip(started, folders).map { process, folder in
        process.waitUntilExit()
        #expect(process.terminationReason == .exit, "\(words)")
        func text(_ name: String) throws -> String {
          try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        }
        return Outcome(
          code: process.terminationStatus, out: try text("stdout"), err: try text("stderr"))
      }
    }

    private func words(_ out: URL, batch: Int = 6) -> [String] {
      [
        "clip", "pretrain", "--out", out.path, "--geometry",
        "\(Program.root.path)/Configurations/vit-tiny-p8-64.json", "--images", "16", "--batch", "\(batch)",
        "--steps", "3", "--interventions", "0.5", "--mask-weight", "0.5", "--threads", "1",
        "--test-images", "0",
      ]
    }

    private func losses(_ folder: URL) throws -> [Double] {
      let data = try Data(contentsOf: folder.appendingPathComponent("metrics.json"))
      let entries = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
      return entries.compactMap { $0["loss"] as? Double }
    }

    @Test("clip pretrain has the losses of one process, and only the first one prints")
    func pretrain() throws {
      let shop = try Workshop()
      let (one, two) = (shop.file("one"), shop.file("two"))
      let alone = try Program.run(words(one))
      try #require(alone.code == 0, "\(alone.err)")
      let both = try run(words(two), processes: 2, in: shop)
      try #require(both.map(\.code) == [0, 0], "\(both.map(\.err))")
      #expect(both[0].err.contains("shared by 2 processes"))
      #expect(both[1].out.isEmpty && both[1].err.isEmpty, "\(both[1].err)")
      let (expected, found) = (try losses(one), try losses(two))
      #expect(!expected.isEmpty && expected.count == found.count)
      #expect(zip(expected, found).allSatisfy { abs($0 - $1) < 1e-5 }, "\(expected) \(found)")
      let info = try Program.run("clip", "info", two.path, "--json")
      #expect(info.code == 0, "\(info.err)")
    }

    @Test("More processes than pictures of a batch are one message, and leave no folder")
    func tooMany() throws {
      let shop = try Workshop()
      let out = shop.file("clip")
      let found = try run(words(out, batch: 2), processes: 3, in: shop)
      #expect(found.allSatisfy { $0.code == 1 })
      #expect(found[0].err.contains("3 processes cannot share a batch of 2 pictures"), "\(found[0].err)")
      #expect(found[1].err.isEmpty && found[2].err.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: out.path))
    }

    @Test("An error of the command line is printed once")
    func commandLine() throws {
      let shop = try Workshop()
      for wrong in [["--steps", "none"], ["--timeout", "0"], ["--device", "cuda:0"]] {
        let found = try run(words(shop.file("clip")) + wrong, processes: 2, in: shop)
        #expect(found.map(\.code) == [2, 2] && found[0].err.contains(wrong[0]), "\(found[0].err)")
        #expect(found[1].err.isEmpty && found[1].out.isEmpty, "\(found[1].err)")
      }
    }

    @Test("clip pretrain that torchrun restarts continues its own training, and no other")
    func restarted() throws {
      let shop = try Workshop()
      let out = shop.file("clip")
      let first = try run(words(out), processes: 2, in: shop)
      try #require(first.map(\.code) == [0, 0], "\(first.map(\.err))")
      let weights = try Data(contentsOf: out.appendingPathComponent("model.safetensors"))
      let again = try run(words(out), processes: 2, in: shop)
      #expect(again[0].code != 0 && again[0].err.contains("--resume"), "\(again[0].err)")
      let other = try run(words(out, batch: 5), processes: 2, restarts: 1, in: shop)
      #expect(other[0].code != 0 && other[0].err.contains("--resume"), "\(other[0].err)")
      let restarted = try run(words(out), processes: 2, restarts: 1, in: shop)
      #expect(restarted.map(\.code) == [0, 0], "\(restarted.map(\.err))")
      #expect(try Data(contentsOf: out.appendingPathComponent("model.safetensors")) == weights)
    }

    @Test("evaluate writes and prints what one process does, byte for byte")
    func evaluate() throws {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 1))
      try #require(training.code == 0, "\(training.err)")
      let words = ["evaluate", shop.file("run").path, "--threads", "1"]
      func files() throws -> [Data] {
        try ["evaluation-c.json", "evaluation-c.csv"].map { try Data(contentsOf: shop.file("run/\($0)")) }
      }
      for more in [[], ["--json"]] {
        let alone = try Program.run(words + more)
        try #require(alone.code == 0, "\(alone.err)")
        let expected = try files()
        let found = try run(words + more, processes: 3, in: shop)
        try #require(found.map(\.code) == [0, 0, 0], "\(found.map(\.err))")
        #expect(found[0].out == alone.out)
        #expect(found[1].out.isEmpty && found[1].err.isEmpty && found[2].out.isEmpty)
        #expect(try files() == expected)
      }
    }

    @Test("An image that one process cannot read is one message that names it")
    func unreadable() throws {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 1))
      try #require(training.code == 0, "\(training.err)")
      // The last image belongs to the second process.
      try Data("no image".utf8).write(to: shop.file("data/c/images/7.png"))
      let found = try run(["evaluate", shop.file("run").path], processes: 2, in: shop)
      #expect(found.allSatisfy { $0.code == 1 })
      #expect(found.contains { $0.err.contains("7.png") }, "\(found.map(\.err))")
    }
  }
}
