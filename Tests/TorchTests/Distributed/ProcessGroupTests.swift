import Foundation
import TestSupport
import Testing

@testable import Torch

/// Collective calls, with threads as ranks.
@Suite(.serialized) struct ProcessGroupTests {
  @Test(arguments: [1, 2, 3]) func sumsAndBroadcasts(_ count: Int) throws {
    let found = try Ranks.run(count) { group in
      let sum = try Tensor([Float(group.rank), 1])
      try group.sum(sum)
      let short = try Tensor([Float(group.rank + 1)]).to(.bfloat16)
      try group.sum(short)
      let sent = try Tensor([10 + group.rank, 20])
      try group.broadcast(sent)
      try group.barrier()
      let flags = try (0..<3).map { try group.isTrueAnywhere($0 == 0 || $0 == 1 && group.rank == 0) }
      return (try sum.floats() + short.floats(), try sent.array(of: Int.self), flags)
    }
    let total = Float(count * (count - 1) / 2)
    for (sums, sent, flags) in found {
      #expect(sums == [total, Float(count), total + Float(count)])
      #expect(sent == [10, 20])
      #expect(flags == [true, true, false])
    }
  }

  @Test func gathersUnequalRowsInOrderOfRank() throws {
    let found = try Ranks.run(3) { group in
      // Rank 1 has none.
      let rows = group.rank == 1 ? 0 : group.rank + 1
      let own = try Tensor(Array(repeating: Int64(group.rank), count: rows * 2), shape: [rows, 2])
      let all = try group.gathered(rows: own)
      return (all.shape, try all.array(of: Int64.self))
    }
    for (shape, values) in found {
      #expect(shape == [4, 2])
      #expect(values == [0, 0, 2, 2, 2, 2, 2, 2])
    }
  }

  @Test func theGradientOfAGatherSumsThatOfAllRanks() throws {
    let rows: [Float] = [1, -2, 3]
    // Σ of the squares of all products.
    @Sendable func loss(_ all: Tensor) throws -> Tensor {
      try all.matmul(all.transposed(0, 1)).power(2).sum()
    }
    let whole = try Tensor(rows, shape: [3, 1]).requireGradient()
    try loss(whole).backward()
    let wanted = try #require(try whole.gradient()).floats()
    let found = try Ranks.run(2) { group -> [Float] in
      let own = try Tensor(group.isFirst ? [1] : [-2, 3] as [Float], shape: [group.isFirst ? 1 : 2, 1])
      try own.requireGradient()
      try loss(try group.gatheredWithGradient(rows: own)).backward()
      return try #require(try own.gradient()).floats()
    }
    #expect(found.flatMap { $0 } == wanted.map { $0 * 2 })
  }

  @Test func valuesReachAllRanks() throws {
    struct Score: Codable, Equatable, Sendable {
      let name: String
      let value: Double
    }
    let found = try Ranks.run(3) { group in
      try group.gathered(Score(name: "rank \(group.rank)", value: group.rank == 2 ? .infinity : 0.1))
    }
    let wanted = (0..<3).map { Score(name: "rank \($0)", value: $0 == 2 ? .infinity : 0.1) }
    #expect(found == [wanted, wanted, wanted])
    #expect(try Ranks.run(2) { try $0.gathered($0.rank) } == [[0, 1], [0, 1]])
  }

  @Test func rankZeroRunsForAll() throws {
    let runs = Tally()
    let found = try Ranks.run(3) { group in
      try group.first { () -> [String] in
        runs.add()
        return ["a", "ü"]
      }
    }
    #expect(found == Array(repeating: ["a", "ü"], count: 3))
    #expect(runs.value == 1)
  }

  @Test func anErrorOfRankZeroReachesAll() throws {
    let found = try Ranks.run(2) { group -> String in
      do {
        _ = try group.first { () -> Int in throw TorchError.value("no such folder") }
        return ""
      } catch { return "\(error)" }
    }
    #expect(found == ["no such folder", "rank 0: no such folder"])
  }

  @Test func shardsCoverEveryItemOnce() {
    for count in [0, 1, 5, 12, 13] {
      for ranks in 1...5 {
        let shards = (0..<ranks).map { ProcessGroup.shard(of: count, rank: $0, among: ranks) }
        #expect(shards.flatMap { Array($0) } == Array(0..<count))
        let sizes = shards.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
      }
    }
    #expect(ProcessGroup.shard(of: -3, rank: 0, among: 2).isEmpty)
  }

  @Test func differencesBetweenRanksAreErrors() throws {
    let found = try Ranks.run(2) { group -> [String] in
      let tensor = try Tensor.zeros([group.rank + 1])
      return [
        message { try group.sum(tensor) },
        message { if group.isFirst { try group.barrier() } else { try group.broadcast(tensor) } },
        message { try group.barrier() },
      ]
    }
    for messages in found {
      #expect(messages[0].contains("they must agree"))
      #expect(messages[1].contains("the same calls in one order"))
      #expect(messages[2].isEmpty)
    }
  }

  @Test func theFirstFailureIsNamed() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("group-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let port = try RankThreads.freePort()
    let found = try concurrentMap(count: 2, threads: 2) { rank -> String in
      var variables = RankThreads.variables(rank: rank, of: 2, port: port)
      let file = folder.appendingPathComponent("\(rank).json")
      variables["TORCHELASTIC_ERROR_FILE"] = file.path
      let group = try #require(try ProcessGroup.fromEnvironment(variables, timeout: 60))
      if rank == 1 {
        group.fail("the loss is NaN")
        #expect(message { try group.barrier() }.contains("left the group"))
        return try String(contentsOf: file, encoding: .utf8)
      }
      let text = message { try group.barrier() }
      #expect(group.firstFailure?.rank == 1 && group.firstFailure?.message == "the loss is NaN")
      group.fail(text)
      #expect(group.firstFailure?.rank == 1)
      return text
    }
    #expect(found[0] == "barrier: rank 1 failed first: the loss is NaN")
    #expect(found[1].contains("the loss is NaN") && found[1].contains("\"timestamp\""))
  }

  @Test func aRankThatDoesNotComeEndsTheCallAfterTheTimeout() throws {
    let found = try Ranks.run(2, timeout: 3) { group -> String in
      if group.rank == 1 {
        Thread.sleep(forTimeInterval: 8)
        return ""
      }
      return message { try group.barrier() }
    }
    #expect(found[0].contains("not all ranks took part within 3 s"))
  }
}

/// The message of the error that a body throws; empty without one.
private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}
