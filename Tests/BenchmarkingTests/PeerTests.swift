import Foundation
import Testing
import Torch

@testable import Benchmarking

@Suite struct PeerTests {
  /// A worker that gives the same answers in the same order, one a request; `sh` is on every system.
  private func fake(_ answers: [String]) -> [String] {
    let script = answers.map { "read -r line; printf '%s\\n' '\($0)'" }.joined(separator: "; ")
    return ["/bin/sh", "-c", script, "worker"]
  }

  private let log = FileManager.default.temporaryDirectory.appendingPathComponent(
    "peers-\(UUID().uuidString).log")
  private let hello = #"{"versions": {"torch": "2.13.0"}, "python": "3.11.7"}"#

  @Test func anAnswerIsTheObjectOfOneLine() throws {
    let worker = try PeerWorker("fake", command: fake([#"{"seconds": 0.5, "loss": 2}"#]))
    let answer = try worker.ask(["do": .string("run")])
    #expect(answer.number("seconds") == 0.5)
    #expect(answer.number("loss") == 2)
  }

  @Test func anErrorOfThePeerIsThrownInItsWords() throws {
    let worker = try PeerWorker("fake", command: fake([#"{"error": "ImportError: no monai"}"#]))
    #expect(throws: PeerError.refused("ImportError: no monai")) { try worker.ask([:]) }
  }

  @Test func aPeerThatDoesNotAnswerIsEnded() throws {
    let start = Date()
    // It ignores the request to end, as a process that hangs in its own code does.
    let worker = try PeerWorker(
      "fake", command: ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", "worker"], limit: 0.5)
    let error = #expect(throws: PeerError.self) { try worker.ask([:]) }
    #expect(error?.description == "the peer fake gave no answer in 1 s and was ended")
    #expect(Date().timeIntervalSince(start) < 60)
    #expect(throws: PeerError.lost(peer: "fake", reason: "has ended")) { try worker.ask([:]) }
  }

  @Test func aPeerThatEndsIsLost() throws {
    let worker = try PeerWorker("fake", command: fake(["{}"]))
    _ = try worker.ask([:])
    #expect(throws: PeerError.lost(peer: "fake", reason: "has ended")) { try worker.ask([:]) }
  }

  @Test func wordsThatAreNoAnswerAreAnError() throws {
    let worker = try PeerWorker("fake", command: fake(["hello there"]))
    #expect(throws: PeerError.self) { try worker.ask([:]) }
  }

  @Test func aProgramThatIsNotThereIsAnError() {
    #expect(throws: PeerError.self) { try PeerWorker("fake", command: ["/nowhere/python"]) }
  }

  @Test func aPreparedPeerIsAContestantWithItsDifference() throws {
    let peers = Peers(
      command: fake([hello, #"{"difference": 1e-6, "scale": 2.0}"#, #"{"seconds": 0.25}"#]), log: log)
    defer { try? FileManager.default.removeItem(at: log) }
    var losses: [Double] = []
    let contestant = try #require(
      peers.contestant("fake", precision: "float32", work: "encode", [:]) {
        losses.append($0.number("seconds") ?? 0)
      })
    #expect(contestant.record.difference == 1e-6)
    #expect(contestant.record.scale == 2)
    #expect(try contestant.run(1) == 0.25)
    #expect(losses == [0.25])
    #expect(peers.versions == ["torch": "2.13.0", "python": "3.11.7"])
  }

  @Test func aPeerThatCannotPrepareIsMissingAndTheOthersAreNot() throws {
    let peers = Peers(command: fake([hello, #"{"error": "ModuleNotFoundError: monai"}"#]), log: log)
    defer { try? FileManager.default.removeItem(at: log) }
    let contestant = try #require(
      peers.contestant("monai", name: "MONAI", precision: nil, work: "metrics", [:]))
    #expect(contestant.record.failure == "ModuleNotFoundError: monai")
    #expect(peers.missing == ["MONAI": "ModuleNotFoundError: monai"])
  }

  @Test func aPeerWhoseOutputIsAnotherIsNotTimed() throws {
    let peers = Peers(command: fake([hello, #"{"difference": 0.5, "scale": 2.0}"#, "{}"]), log: log)
    defer { try? FileManager.default.removeItem(at: log) }
    let contestant = try #require(
      peers.contestant("fake", precision: "float32", work: "encode", [:], tolerance: 1e-3))
    #expect(contestant.record.failure?.contains("differs from ours by 0.5") == true)
  }

  @Test func withoutAnEnvironmentThereAreNoPeersAndTheFixIsSaid() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let peers = Peers(folder: folder, log: log)
    #expect(peers.contestant("monai", precision: nil, work: "metrics", [:]) == nil)
    #expect(peers.missing["Python peers"]?.contains("setup") == true)
  }
}
