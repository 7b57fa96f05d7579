import Foundation
import TestSupport
import Testing

@testable import Torch

/// The variables of `torchrun`.
@Suite struct RendezvousTests {
  let whole = [
    "RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500", "TORCHELASTIC_RESTART_COUNT": "3", "TORCHELASTIC_RUN_ID": "study",
    "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_ERROR_FILE": "/tmp/error.json",
  ]

  @Test func withoutVariablesThereIsNoGroup() throws {
    #expect(try ProcessGroup.fromEnvironment([:]) == nil)
    #expect(try ProcessGroup.fromEnvironment(["PATH": "/bin", "OMP_NUM_THREADS": "1"]) == nil)
    #expect(try ProcessGroup.fromEnvironment(["RANK": ""]) == nil)
  }

  @Test func readsAllVariables() throws {
    let meeting = try #require(try Rendezvous(whole, device: .cpu))
    #expect(meeting.rank == 1 && meeting.count == 4 && meeting.localRank == 1 && meeting.restarts == 3)
    #expect(meeting.address == "node0" && meeting.port == 29500)
    #expect(!meeting.isHostedByFirst && !meeting.isOneMachine && meeting.interfaces == nil)
    #expect(meeting.errorFile == "/tmp/error.json")
  }

  @Test func rankZeroHostsWhereTorchrunDoesNot() throws {
    for store in [nil, "False"] {
      var variables = whole
      variables["TORCHELASTIC_USE_AGENT_STORE"] = store
      #expect(try Rendezvous(variables, device: .cpu)?.isHostedByFirst == true)
    }
  }

  @Test(arguments: ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
  func aMissingVariableIsNamed(_ name: String) throws {
    for missing in [nil, ""] {
      var variables = whole
      variables[name] = missing
      let error = #expect(throws: ProcessGroupError.self) { try Rendezvous(variables, device: .cpu) }
      let text = try #require(error).description
      #expect(text.hasPrefix("\(name): not set") && text.contains("torchrun") && text.contains("unset"))
    }
  }

  @Test(arguments: [
    ("RANK", "4"), ("RANK", "-1"), ("RANK", "one"), ("WORLD_SIZE", "0"), ("WORLD_SIZE", "1e3"),
    ("MASTER_PORT", "0"), ("MASTER_PORT", "65536"), ("LOCAL_RANK", "2"), ("LOCAL_WORLD_SIZE", "5"),
    ("TORCHELASTIC_RESTART_COUNT", "x"), ("TORCHELASTIC_USE_AGENT_STORE", "yes"),
    ("WORLD_SIZE", "99999999999999999999"),
  ])
  func aDamagedVariableIsNamed(_ name: String, _ value: String) throws {
    var variables = whole
    variables[name] = value
    let error = #expect(throws: ProcessGroupError.self) { try Rendezvous(variables, device: .cpu) }
    #expect(try #require(error).description.hasPrefix("\(name): \"\(value)\""))
  }

  @Test func onlyGraphicsProcessorsNeedTheLocalRank() throws {
    var variables = whole
    variables["LOCAL_RANK"] = nil
    #expect(try Rendezvous(variables, device: .cpu)?.localRank == 0)
    #expect(throws: ProcessGroupError.self) { try Rendezvous(variables, device: .cuda()) }
  }

  @Test func anUnknownHostAndAnUnknownInterfaceAreErrors() throws {
    var variables = try RankThreads.variables(rank: 0, of: 1, port: RankThreads.freePort())
    variables["GLOO_SOCKET_IFNAME"] = "nosuch0"
    let error = #expect(throws: ProcessGroupError.self) { try ProcessGroup.fromEnvironment(variables) }
    #expect(try #require(error).description.contains("GLOO_SOCKET_IFNAME"))
  }

  @Test func aMissingRankIsNamed() throws {
    let variables = try RankThreads.variables(rank: 0, of: 3, port: RankThreads.freePort())
    let error = #expect(throws: ProcessGroupError.self) {
      try ProcessGroup.fromEnvironment(variables, timeout: 0.5)
    }
    #expect(try #require(error).description.contains("did not come within 0 s: 1, 2"))
  }
}
