import Foundation
import Torch

/// Several processes of one group, as threads of this process.
package enum RankThreads {
  /// Runs a body as each process of a new group at once.
  ///
  /// - Parameters:
  ///   - count: the number of processes; 1 gives one without a group.
  ///   - body: the work of each.
  /// - Returns: the values by the number of the process.
  /// - Throws: the error of the lowest one that failed.
  package static func run<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Processes) throws -> Value
  ) throws -> [Value] {
    try outcomes(count, body).map { try $0.get() }
  }

  /// The same, with the error of each process in its place.
  package static func outcomes<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Processes) throws -> Value
  ) throws -> [Result<Value, any Error>] {
    guard count > 1 else { return [Result { try body(.alone) }] }
    let port = try freePort()
    return try concurrentMap(count: count, threads: count) { rank in
      let variables = variables(rank: rank, of: count, port: port)
      return Result {
        try body(Processes(ProcessGroup.fromEnvironment(variables, timeout: 60)))
      }
    }
  }

  /// What `torchrun` would tell a process of this machine.
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
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(handle, address, size) == 0 && getsockname(handle, address, &size) == 0
      }
    }
    guard status else { throw TorchError.value("this machine gives no free port") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
