import CLibTorch
import Foundation

/// How the processes of a group meet: what `torchrun` tells each of them by variables.
struct Rendezvous: Equatable {
  let rank: Int
  let count: Int
  let localRank: Int
  /// As `torchrun` counts them on this machine; those on other machines may count otherwise.
  let restarts: Int
  /// Host and port of the store.
  let address: String
  let port: Int
  /// Whether rank 0 hosts the store; otherwise `torchrun` does.
  let isHostedByFirst: Bool
  /// Whether all processes are on this machine; false if nothing says so.
  let isOneMachine: Bool
  let interfaces: String?
  let errorFile: String?
  /// The prefix of the keys.
  let prefix: String

  private static let required = ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"]
  private static let marks =
    required + [
      "LOCAL_RANK", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT",
    ]

  /// Reads the variables; nil if none is set.
  ///
  /// - Throws: `ProcessGroupError.variable` for the first that is missing or damaged.
  init?(_ environment: [String: String], device: Device) throws {
    let variables = environment.filter { !$0.value.isEmpty }
    guard let mark = Self.marks.first(where: { variables[$0] != nil }) else { return nil }

    func text(_ name: String) throws -> String {
      guard let value = variables[name] else {
        throw ProcessGroupError.variable(
          name,
          "not set, but \(mark) is; start with torchrun, set \(Self.required.joined(separator: ", ")), "
            + "or unset \(mark) to run one process")
      }
      return value
    }
    func number(_ name: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
      if variables[name] == nil, let fallback { return fallback }
      let value = try text(name)
      guard let number = Int(value), range.contains(number) else {
        throw ProcessGroupError.variable(
          name,
          "\"\(value)\" is not a number from \(range.lowerBound) to \(range.upperBound); torchrun sets it")
      }
      return number
    }

    count = try number("WORLD_SIZE", in: 1...Int(Int32.max))
    rank = try number("RANK", in: 0...count - 1)
    address = try text("MASTER_ADDR")
    port = try number("MASTER_PORT", in: 1...65535)
    restarts = try number("TORCHELASTIC_RESTART_COUNT", in: 0...Int(Int32.max), default: 0)
    let localCount = try number("LOCAL_WORLD_SIZE", in: 1...count, default: count)
    // On graphics processors each process of a machine has one of its own.
    localRank = try number(
      "LOCAL_RANK", in: 0...localCount - 1, default: device.kind == .cuda && count > 1 ? nil : 0)
    isOneMachine = variables["LOCAL_WORLD_SIZE"] != nil && localCount == count
    switch variables["TORCHELASTIC_USE_AGENT_STORE"] {
    case "True": isHostedByFirst = false
    case nil, "False": isHostedByFirst = true
    case let value?:
      throw ProcessGroupError.variable(
        "TORCHELASTIC_USE_AGENT_STORE", "\"\(value)\" is neither True nor False; torchrun sets it")
    }
    interfaces = variables["GLOO_SOCKET_IFNAME"]
    errorFile = variables["TORCHELASTIC_ERROR_FILE"]
    prefix = "mcdrl/\(variables["TORCHELASTIC_RUN_ID"] ?? "run")"
  }

  func join(device: Device, timeout: TimeInterval) throws -> mcdrl_group_t {
    var out: mcdrl_group_t?
    let milliseconds = Int64(min(max(timeout, 0.001), 1e9) * 1000)
    do {
      try address.withCString { address in
        try prefix.withCString { prefix in
          try (interfaces ?? "").withCString { interfaces in
            var options = mcdrl_group_options()
            options.address = address
            options.port = Int32(port)
            options.rank_0_hosts = isHostedByFirst
            options.prefix = prefix
            options.rank = Int32(rank)
            options.count = Int32(count)
            options.restarts = Int32(restarts)
            options.is_one_machine = isOneMachine
            options.interfaces = self.interfaces == nil ? nil : interfaces
            options.device_type = device.kind.rawValue
            options.device_index = Int32(device.index)
            options.timeout = milliseconds
            try check("join") { mcdrl_group_join(&options, &out, $0) }
          }
        }
      }
    } catch TorchError.operation(_, let message) {
      throw ProcessGroupError.joining(message)
    }
    guard let out else { throw ProcessGroupError.joining("libtorch returned no group") }
    return out
  }
}

extension ProcessGroup {
  /// Joins the group that `torchrun`'s variables describe; nil without them.
  ///
  /// The variables are RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and those that `torchrun` adds:
  /// LOCAL_RANK, LOCAL_WORLD_SIZE, TORCHELASTIC_USE_AGENT_STORE, TORCHELASTIC_RESTART_COUNT,
  /// TORCHELASTIC_RUN_ID and TORCHELASTIC_ERROR_FILE. Without `torchrun`'s own store rank 0 hosts
  /// one. GLOO_SOCKET_IFNAME names the network interface; otherwise it is the one that reaches
  /// MASTER_ADDR.
  ///
  /// - Parameters:
  ///   - environment: the variables.
  ///   - device: the device of the tensors that take part: the CPU (Gloo), or CUDA (NCCL) besides.
  ///   - timeout: the longest that a call waits for the other ranks, in seconds.
  /// - Returns: the group after all ranks have met.
  /// - Throws: `ProcessGroupError.variable` for a missing or damaged variable,
  ///   `ProcessGroupError.joining` if the ranks did not meet.
  public static func fromEnvironment(
    _ environment: [String: String] = ProcessInfo.processInfo.environment, device: Device = .cpu,
    timeout: TimeInterval = ProcessGroup.defaultTimeout
  ) throws -> ProcessGroup? {
    try Rendezvous(environment, device: device).map {
      try ProcessGroup($0, device: device, timeout: timeout)
    }
  }
}
