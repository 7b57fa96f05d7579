import Foundation
import Torch

/// Makes items in order on its own thread, a few ahead of the consumer.
package final class Prefetcher<Item: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var ready: [Result<Item, any Error>] = []
  private var finished = false
  private var cancelled = false
  /// The time that `next()` has waited, in seconds.
  package private(set) var secondsWaited = 0.0

  /// Starts to make items.
  ///
  /// - Parameters:
  ///   - range: which items, in order.
  ///   - depth: the maximum number of finished items in the queue; it bounds memory.
  ///   - make: makes one item; called only on the prefetching thread.
  package init(_ range: Range<Int>, depth: Int = 2, make: @escaping @Sendable (Int) throws -> Item) {
    let thread = Machine.thread { [weak self] in
      for index in range {
        let result = Result { try make(index) }
        guard let self, self.put(result, depth) else { return }
        if case .failure = result { break }
      }
      self?.finish()
    }
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Returns the next item, or nil after the last.
  ///
  /// After a cancellation, it returns the finished items, then nil.
  ///
  /// - Throws: the error of making the item.
  package func next() throws -> Item? {
    let start = Date()
    condition.lock()
    defer { condition.unlock() }
    while ready.isEmpty && !finished && !cancelled { condition.wait() }
    secondsWaited += Date().timeIntervalSince(start)
    guard !ready.isEmpty else { return nil }
    let result = ready.removeFirst()
    condition.broadcast()
    return try result.get()
  }

  /// Stops making items; call it if you do not consume all.
  package func cancel() {
    condition.lock()
    cancelled = true
    condition.broadcast()
    condition.unlock()
  }

  private func put(_ result: Result<Item, any Error>, _ depth: Int) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while ready.count >= depth && !cancelled { condition.wait() }
    guard !cancelled else { return false }
    ready.append(result)
    condition.broadcast()
    return true
  }

  private func finish() {
    condition.lock()
    finished = true
    condition.broadcast()
    condition.unlock()
  }
}
