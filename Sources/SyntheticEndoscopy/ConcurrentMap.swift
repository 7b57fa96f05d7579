import Foundation

/// Computes values side by side and gives them in order.
///
/// - Parameters:
///   - count: how many.
///   - threads: how many at once; nil for one a core.
///   - body: computes one.
/// - Returns: the values, by index.
/// - Throws: the first error in the order of the values.
func concurrentMap<Value: Sendable>(
  count: Int, threads: Int? = nil, _ body: @Sendable (Int) throws -> Value
) throws -> [Value] {
  let workers = max(1, min(count, threads ?? ProcessInfo.processInfo.activeProcessorCount))
  let results = Results<Value>(count: count)
  DispatchQueue.concurrentPerform(iterations: workers) { worker in
    for index in stride(from: worker, to: count, by: workers) {
      results.store(Result { try body(index) }, at: index)
    }
  }
  return try results.values()
}

private final class Results<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: [Result<Value, any Error>?]

  init(count: Int) { stored = Array(repeating: nil, count: count) }

  func store(_ result: Result<Value, any Error>, at index: Int) { lock.withLock { stored[index] = result } }

  func values() throws -> [Value] { try stored.compactMap { try $0?.get() } }
}
