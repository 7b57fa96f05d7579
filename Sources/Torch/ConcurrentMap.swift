import Foundation

/// Computes values side by side and gives them in order.
///
/// - Parameters:
///   - count: how many.
///   - threads: how many at once, the caller's among them; nil for one a core.
///   - body: computes one; once one has thrown, no further is begun.
/// - Returns: the values, by index.
/// - Throws: of the errors the one with the lowest index.
public func concurrentMap<Value: Sendable>(
  count: Int, threads: Int? = nil, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  let workers = max(1, min(count, threads ?? ProcessInfo.processInfo.activeProcessorCount))
  let results = Results<Value>(count: count)
  @Sendable func work() {
    while let index = results.next() { results.store(Result { try body(index) }, at: index) }
  }
  // Threads and not Dispatch's, which are never more than cores even while they wait for a disk.
  let others = DispatchGroup()
  for _ in 1..<workers {
    others.enter()
    Machine.thread {
      work()
      others.leave()
    }.start()
  }
  work()
  others.wait()
  return try results.values()
}

/// Computes values side by side, libtorch's threads shared out among them, and gives them in order.
///
/// - Parameters:
///   - count: how many.
///   - device: where they are computed; elsewhere than on the CPU one after the other, for there one uses the whole device.
///   - perThread: how many at once for each of libtorch's threads; more than one keeps cores busy where work waits for disks.
///   - body: computes one; once one has thrown, no further is begun.
/// - Returns: the values, by index.
/// - Throws: of the errors the one with the lowest index.
public func sideBySide<Value: Sendable>(
  count: Int, on device: Device = .cpu, perThread: Int = 1, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  let workers = device == .cpu ? max(1, min(count, Machine.threads * perThread)) : 1
  let threads = max(1, Machine.threads / workers)
  return try concurrentMap(count: count, threads: workers) { index in
    try Machine.withThreads(threads) { try body(index) }
  }
}

private final class Results<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: [Result<Value, any Error>?]
  private var begun = 0
  private var failed = false

  init(count: Int) { stored = Array(repeating: nil, count: count) }

  /// The next index to compute; nil when all are begun or one has failed.
  func next() -> Int? {
    lock.withLock {
      guard !failed, begun < stored.count else { return nil }
      begun += 1
      return begun - 1
    }
  }

  func store(_ result: Result<Value, any Error>, at index: Int) {
    lock.withLock {
      stored[index] = result
      if case .failure = result { failed = true }
    }
  }

  func values() throws -> [Value] { try stored.compactMap { try $0?.get() } }
}

/// Counts from several threads.
public final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  /// Starts at zero.
  public init() {}

  /// What was counted so far.
  public var value: Int { lock.withLock { count } }

  /// Counts one more.
  ///
  /// - Returns: what is counted now.
  @discardableResult
  public func add() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}
