import Foundation
import Torch

/// Processes that work together, as threads of the test.
package enum Together {
  /// Runs a body in each process at once.
  ///
  /// - Returns: the values by rank.
  package static func run<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Processes) throws -> Value
  ) throws -> [Value] {
    guard count > 1 else { return [try body(.alone)] }
    let port = try freePort()
    return try concurrentMap(count: count, threads: count) { rank in
      let group = try ProcessGroup.fromEnvironment(
        variables(rank: rank, of: count, port: port), timeout: 120)
      return try body(Processes(group))
    }
  }

  /// Runs a body in each process at once, of which some may fail.
  ///
  /// - Returns: the values or errors by rank.
  package static func outcomes<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Processes) throws -> Value
  ) throws -> [Result<Value, any Error>] {
    try run(count) { processes in Result { try body(processes) } }
  }

  /// The variables of one process.
  package static func variables(rank: Int, of count: Int, port: Int) -> [String: String] {
    [
      "RANK": "\(rank)", "WORLD_SIZE": "\(count)", "LOCAL_RANK": "\(rank)", "LOCAL_WORLD_SIZE": "\(count)",
      "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
    ]
  }

  /// A port that no program listens on now.
  package static func freePort() throws -> Int {
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
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(handle, address, size) == 0 && getsockname(handle, address, &size) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
