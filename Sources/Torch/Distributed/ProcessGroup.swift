import CLibTorch
import Foundation

/// The processes that train one model together: those that `torchrun` started.
///
/// A collective call waits for all ranks, so all ranks make the same calls in the same order. Calls
/// of several threads run one after the other. A call fails at once if the connection to another
/// rank closes, and otherwise after the timeout; its error names the rank that failed first, if the
/// store knows it. After an error the group is of no further use.
public final class ProcessGroup: @unchecked Sendable {
  /// The default timeout of a call: 30 minutes.
  ///
  /// A rank that ends closes its connections, and the others notice at once. The timeout is for
  /// ranks that hang. It must exceed the longest work of one rank while the others wait.
  public static let defaultTimeout: TimeInterval = 1800

  /// The rank of this process; rank 0 writes.
  public let rank: Int
  /// The number of processes.
  public let count: Int
  /// The rank among the processes of this machine.
  public let localRank: Int
  /// How often `torchrun` has restarted the group; alike on all ranks.
  public let restarts: Int
  /// The device of the tensors that take part, besides those on the CPU.
  public let device: Device

  // The door runs one call at a time.
  let handle: mcdrl_group_t
  private let errorFile: String?

  init(_ meeting: Rendezvous, device: Device, timeout: TimeInterval) throws {
    rank = meeting.rank
    count = meeting.count
    localRank = meeting.localRank
    errorFile = meeting.errorFile
    self.device = device
    handle = try meeting.join(device: device, timeout: timeout)
    restarts = Int(mcdrl_group_restarts(handle))
  }

  deinit { mcdrl_group_free(handle) }

  /// Whether this process is the one that writes.
  public var isFirst: Bool { rank == 0 }

  /// Waits until every rank has come here.
  ///
  /// - Throws: `ProcessGroupError.call`.
  public func barrier() throws {
    try call("barrier") { mcdrl_group_barrier(handle, $0) }
  }

  /// Replaces a tensor by the sum over all ranks (all-reduce).
  ///
  /// float16 and bfloat16 are summed in float32. The sum of truth values is whether any is true.
  ///
  /// - Parameter tensor: the tensor, of one shape and type on all ranks.
  /// - Throws: `ProcessGroupError.call`.
  public func sum(_ tensor: Tensor) throws {
    try call("sum over ranks") { mcdrl_group_sum(handle, tensor.handle, $0) }
  }

  /// Replaces a tensor by that of rank 0.
  ///
  /// - Parameter tensor: the tensor, of one shape and type on all ranks.
  /// - Throws: `ProcessGroupError.call`.
  public func broadcast(_ tensor: Tensor) throws {
    try call("broadcast") { mcdrl_group_broadcast(handle, tensor.handle, $0) }
  }

  /// Returns whether the flag is true on any rank.
  ///
  /// - Parameter flag: the flag of this rank.
  /// - Returns: the same value on all ranks.
  /// - Throws: `ProcessGroupError.call`.
  public func isTrueAnywhere(_ flag: Bool) throws -> Bool {
    let tensor = try Tensor([flag ? 1 : 0] as [Int32])
    try sum(tensor)
    return try tensor.item() > 0
  }

  /// Returns the rows of all ranks in order of rank, without gradients.
  ///
  /// - Parameter tensor: the rows of this rank, `n×…`; n may differ by rank and may be 0.
  /// - Returns: all rows, `N×…`.
  /// - Throws: `ProcessGroupError.call`, also if types or sizes of rows differ by rank.
  public func gathered(rows tensor: Tensor) throws -> Tensor {
    try gather(tensor, differentiable: false).tensor
  }

  /// Returns the rows of all ranks in order of rank, differentiable.
  ///
  /// The backward pass is a collective call: it sums the gradients of all ranks, and each rank takes
  /// those of its own rows. If all ranks compute the same loss from all rows, the sum is `count`
  /// times the gradient, and the mean of `GradientReducer` over the ranks makes it exact.
  ///
  /// - Parameter tensor: the rows of this rank, `n×…`; n may differ by rank and may be 0.
  /// - Returns: all rows, `N×…`.
  /// - Throws: `ProcessGroupError.call`, also if types or sizes of rows differ by rank.
  public func gatheredWithGradient(rows tensor: Tensor) throws -> Tensor {
    try gather(tensor, differentiable: true).tensor
  }

  /// Returns this rank's part of a number of items.
  ///
  /// The parts of all ranks are contiguous, cover every item exactly once and differ in size by at
  /// most 1.
  ///
  /// - Parameter count: the number of items; below 0 counts as 0.
  /// - Returns: the indices of this rank, perhaps none.
  public func shard(of count: Int) -> Range<Int> {
    Self.shard(of: count, rank: rank, among: self.count)
  }

  static func shard(of count: Int, rank: Int, among ranks: Int) -> Range<Int> {
    let (size, rest) = max(0, count).quotientAndRemainder(dividingBy: ranks)
    let start = rank * size + min(rank, rest)
    return start..<start + size + (rank < rest ? 1 : 0)
  }

  /// Leaves the group after an error.
  ///
  /// The connections close, so that calls of the other ranks fail at once. The first message of the
  /// group stays in the store, where the others find it, and goes to `torchrun` for its summary
  /// (`TORCHELASTIC_ERROR_FILE`). It never throws.
  ///
  /// - Parameter message: the message of the error.
  public func fail(_ message: String) {
    mcdrl_group_fail(handle, message)
    guard let errorFile else { return }
    let report = ElasticError(message, at: Date())
    guard let data = try? JSONEncoder().encode(report) else { return }
    try? data.write(to: URL(fileURLWithPath: errorFile))
  }

  /// The rank that failed first and its message; nil without one, or if the store does not answer.
  public var firstFailure: (rank: Int, message: String)? {
    var rank: Int32 = -1
    var text: UnsafeMutablePointer<CChar>?
    guard (try? call("store", { mcdrl_group_failure(handle, &rank, &text, $0) })) != nil else { return nil }
    defer { mcdrl_string_free(text) }
    return text.map { (Int(rank), String(cString: $0)) }
  }

  func gather(_ tensor: Tensor, differentiable: Bool) throws -> (tensor: Tensor, rows: [Int]) {
    var rows = [Int64](repeating: 0, count: count)
    var out: mcdrl_tensor_t?
    try call("gather over ranks") {
      mcdrl_group_gather(handle, tensor.handle, differentiable, &rows, &out, $0)
    }
    guard let out else { throw TorchError.value("libtorch returned no tensor") }
    return (Tensor(owning: out), rows.map(Int.init))
  }

  private func call(
    _ name: String, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
  ) throws {
    do {
      try check(name, body)
    } catch TorchError.operation(let name, let message) {
      throw ProcessGroupError.call(name, message: message)
    }
  }
}

/// An error as `torchrun` reads it from the file of a process.
private struct ElasticError: Encodable {
  struct Message: Encodable {
    let message: String
    let extraInfo: [String: String]
  }
  let message: Message

  init(_ text: String, at time: Date) {
    message = Message(message: text, extraInfo: ["timestamp": String(Int(time.timeIntervalSince1970))])
  }
}
