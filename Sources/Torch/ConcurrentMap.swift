import Foundation

/// Computes values in parallel and returns them in order.
///
/// - Parameters:
///   - count: the number of values.
///   - threads: the most threads at once, with the caller's; nil for one per core. If the system
///     refuses a thread, the others do its work.
///   - body: computes one value. After an error, no further value is begun.
/// - Returns: the values, by index.
/// - Throws: the error with the lowest index.
public func concurrentMap<Value: Sendable>(
  count: Int, threads: Int? = nil, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  try concurrentMap(count: count, threads: threads, start: Machine.startThread, body)
}

/// Computes values on the caller's thread and on those that `start` starts; it returns false for a
/// refused thread.
func concurrentMap<Value: Sendable>(
  count: Int, threads: Int?, start: (@escaping @Sendable () -> Void) -> Bool,
  _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  let workers = max(1, min(count, threads ?? ProcessInfo.processInfo.activeProcessorCount))
  let results = Results<Value>(count: count)
  @Sendable func work() {
    while let index = results.next() { results.store(Result { try body(index) }, at: index) }
  }
  // Dispatch never has more threads than cores, even while its threads wait for a disk.
  let others = DispatchGroup()
  for _ in 1..<workers {
    others.enter()
    let isStarted = start {
      work()
      others.leave()
    }
    guard isStarted else {
      others.leave()
      break
    }
  }
  work()
  others.wait()
  return try results.values()
}

/// Computes values in parallel, shares libtorch's threads among them and returns them in order.
///
/// - Parameters:
///   - count: the number of values.
///   - device: the device of the computation. On a device other than the CPU values are computed
///     one after the other, because one value uses the whole device.
///   - perThread: values at once for each of libtorch's threads. More than one keeps cores busy if
///     the work waits for disks.
///   - body: computes one value. After an error, no further value is begun.
/// - Returns: the values, by index.
/// - Throws: the error with the lowest index.
public func concurrentMap<Value: Sendable>(
  count: Int, on device: Device, perThread: Int = 1, _ body: @escaping @Sendable (Int) throws -> Value
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

  /// Returns the next index to compute; nil if all are begun or one has failed.
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

/// A counter for several threads.
public final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  /// Starts at zero.
  public init() {}

  /// The count so far.
  public var value: Int { lock.withLock { count } }

  /// Adds one to the count.
  ///
  /// - Returns: the new count.
  @discardableResult
  public func add() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}
