import Foundation
import Testing
import TestSupport

@testable import Command

@Suite("Errors of many processes")
struct ManyProcessesErrorTests {
  @Test("An error of the command line is of the first process, one of a device of the first on each machine")
  func once() throws {
    func process(_ rank: Int, _ local: Int) -> ManyProcesses {
      ManyProcesses([
        "RANK": "\(rank)", "WORLD_SIZE": "8", "LOCAL_RANK": "\(local)", "LOCAL_WORLD_SIZE": "4",
      ])
    }
    let wrong = UsageError.inCall(.repeatedOption("--seed"), usage: "train")
    let device = UsageError.inCall(.rejected(option: "device", text: "cuda", reason: "no"), usage: "train")
    let shared = ManyProcessesError.device(.cuda(1), processes: 4)
    #expect([wrong, device].allSatisfy { process(0, 0).once($0) is UsageError })
    for rank in 1..<4 {
      let all: [any Error] = [wrong, device, shared]
      #expect(all.map { (process(rank, rank).once($0) as? QuietEnd)?.code } == [2, 2, 1])
    }
    #expect((process(4, 0).once(wrong) as? QuietEnd)?.code == 2)
    #expect(process(4, 0).once(device) is UsageError)
    #expect(process(4, 0).once(shared) is ManyProcessesError)
  }
}

extension ProgramTests {
  /// Two programs with the variables of `torchrun`; it is not needed itself.
  @Suite("Many processes")
  struct ManyProcessesTests {
    private static let method = ["--method", "clipseg"]

    /// Starts a command in two processes, whose output goes to `rank-0` and `rank-1`, where they also
    /// look for relative paths if they are apart.
    private func start(_ words: [String], apart: Bool = false, in shop: Workshop) throws -> [Process] {
      let port = try RankThreads.freePort()
      return try (0..<2).map { rank in
        let folder = shop.file("rank-\(rank)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return try Program.start(
          words, in: folder, from: apart ? folder : Program.root,
          adding: [
            "RANK": "\(rank)", "WORLD_SIZE": "2", "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
          ])
      }
    }

    private func text(_ shop: Workshop, _ rank: Int, _ stream: String = "stderr") throws -> String {
      try String(contentsOf: shop.file("rank-\(rank)/\(stream)"), encoding: .utf8)
    }

    /// The losses of a run's epochs.
    private func losses(_ shop: Workshop, _ run: String) throws -> [Double] {
      try String(contentsOf: shop.file("\(run)/metrics.jsonl"), encoding: .utf8).split(separator: "\n").map {
        let entry = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        return try #require(entry?["loss"] as? Double)
      }
    }

    @Test("Two processes train one run with the losses of one, and only the first prints")
    func together() throws {
      let shop = try Workshop()
      let one = try Program.run(shop.training("one", more: Self.method))
      try #require(one.code == 0, "\(one.err)")
      let processes = try start(shop.training("two", more: Self.method), in: shop)
      for process in processes { process.waitUntilExit() }
      let messages = try (0..<2).map { try text(shop, $0) }
      #expect(processes.map(\.terminationStatus) == [0, 0], "\(messages)")
      let (own, other) = (try losses(shop, "two"), try losses(shop, "one"))
      #expect(own.count == 2 && other.count == 2)
      for (own, other) in zip(own, other) { #expect(abs(own - other) < 1e-4) }
      #expect(try text(shop, 0, "stdout").contains("chosen: epoch"))
      let second = try text(shop, 1, "stdout") + text(shop, 1)
      #expect(second == "")
    }

    @Test("A request to one process stops both with 130, and one process goes on")
    func stopped() throws {
      let shop = try Workshop()
      let processes = try start(shop.training("run", epochs: 40, more: Self.method), in: shop)
      #expect(shop.wait(for: "run/metrics.jsonl", of: processes[0]))
      kill(processes[1].processIdentifier, SIGTERM)
      for process in processes { process.waitUntilExit() }
      let messages = try (0..<2).map { try text(shop, $0) }
      #expect(processes.map(\.terminationStatus) == [130, 130], "\(messages)")
      #expect(try text(shop, 0).contains("--resume"))
      let words = ["train", "--out", shop.file("run").path, "--resume", "--threads", "1"]
      let resumed = try Program.run(words)
      #expect(resumed.code == 0, "\(resumed.err)")
      #expect(try losses(shop, "run").count == 40)
    }

    @Test("A process that is killed ends the other at once")
    func killed() throws {
      let shop = try Workshop()
      let processes = try start(shop.training("run", epochs: 400, more: Self.method), in: shop)
      #expect(shop.wait(for: "run/metrics.jsonl", of: processes[0]))
      kill(processes[1].processIdentifier, SIGKILL)
      let start = Date()
      for process in processes { process.waitUntilExit() }
      #expect(Date().timeIntervalSince(start) < 60)
      #expect(processes[0].terminationReason == .exit && processes[0].terminationStatus == 1)
      #expect(try text(shop, 0).contains("mcdrl:"))
    }

    @Test("A failure of the first process ends both, and is printed once")
    func failed() throws {
      let shop = try Workshop()
      let processes = try start(shop.training("run", holdOut: "nowhere", more: Self.method), in: shop)
      for process in processes { process.waitUntilExit() }
      let haveFailed = processes.allSatisfy { $0.terminationStatus != 0 }
      #expect(haveFailed)
      #expect(try text(shop, 0).contains("nowhere"))
      #expect(try text(shop, 1) == "")
      #expect(!FileManager.default.fileExists(atPath: shop.file("run").path))
    }

    @Test("An error that both have is printed by the first, and one of the second alone by the second, too")
    func faults() throws {
      let shop = try Workshop()
      let trained = try Program.run(shop.training("run", epochs: 1, more: Self.method))
      try #require(trained.code == 0, "\(trained.err)")
      let resume = ["train", "--out", shop.file("run").path, "--resume", "--threads", "1"]
      let place = shop.file("rank-0")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        at: place.appendingPathComponent("sites"), withDestinationURL: shop.data)
      let alone = try start(resume + ["--data", "sites"], apart: true, in: shop)
      for process in alone { process.waitUntilExit() }
      #expect(alone.map(\.terminationStatus) == [1, 1])
      #expect(try text(shop, 1).contains("sites") && text(shop, 0).contains("(process 1)"))

      try Data("no state".utf8).write(to: shop.file("run/state/checkpoint.safetensors"))
      let both = try start(resume, in: shop)
      for process in both { process.waitUntilExit() }
      #expect(both.map(\.terminationStatus) == [1, 1])
      #expect(try text(shop, 0).contains("checkpoint.safetensors"))
      #expect(try text(shop, 1) == "")
    }

    @Test("A command that works in one process refuses several")
    func alone() throws {
      let shop = try Workshop()
      let processes = try start(["data", "inspect", shop.data.path], in: shop)
      for process in processes { process.waitUntilExit() }
      #expect(processes.map(\.terminationStatus) == [1, 1])
      #expect(try text(shop, 0).contains("torchrun") && text(shop, 1) == "")
    }
  }
}
