import Foundation
import TestSupport
import Testing

@testable import Torch

/// Ranks of a group, as threads of this process.
enum Ranks {
  /// Runs a body as each rank of a new group at once, and returns the values by rank.
  static func run<Value: Sendable>(
    _ count: Int, timeout: TimeInterval = 60, _ body: @escaping @Sendable (ProcessGroup) throws -> Value
  ) throws -> [Value] {
    let port = try RankThreads.freePort()
    return try concurrentMap(count: count, threads: count) { rank in
      let variables = RankThreads.variables(rank: rank, of: count, port: port)
      let group = try #require(try ProcessGroup.fromEnvironment(variables, timeout: timeout))
      return try body(group)
    }
  }
}
