import Foundation
import Testing

@testable import Torch

/// Ranks of a group, as threads of this process.
enum Ranks {
  /// Runs a body as each rank of a new group at once, and returns the values by rank.
  static func run<Value: Sendable>(
    _ count: Int, timeout: TimeInterval = 60, _ body: @escaping @Sendable (ProcessGroup) throws -> Value
  ) throws -> [Value] {
    let port = try freePort()
    return try concurrentMap(count: count, threads: count) { rank in
      let variables = variables(rank: rank, of: count, port: port)
      let group = try #require(try ProcessGroup.fromEnvironment(variables, timeout: timeout))
      return try body(group)
    }
  }

  static func variables(rank: Int, of count: Int, port: Int) -> [String: String] {
    [
      "RANK": "\(rank)", "WORLD_SIZE": "\(count)", "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "\(count)",
      "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
    ]
  }

  /// A port that no program listens on now.
  static func freePort() throws -> Int {
    #if canImport(Darwin)
      let kind = SOCK_STREAM
    #else
      let kind = Int32(SOCK_STREAM.rawValue)
    #endif
    let handle = socket(AF_INET, kind, 0)
    defer { close(handle) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(handle, address, size) == 0 && getsockname(handle, address, &size) == 0
      }
    }
    try #require(status)
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
