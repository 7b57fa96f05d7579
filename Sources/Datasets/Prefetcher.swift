import Foundation
import Torch

/// Makes items in order on its own thread, a few ahead of the consumer.
///
/// If the system refuses the thread, the consumer's thread makes each item. Where the consumer computes
/// on the CPU with all threads of libtorch, an item is made with one: a second team of threads would
/// slow both. The consumer's thread uses one, too, so that each item has the same bits.
package final class Prefetcher<Item: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var ready: [Result<Item, any Error>] = []
  private var finished = false
  private var cancelled = false
  /// Makes the next item without a thread; nil after the last.
  private var makesNext: (() throws -> Item?)?
  /// The time that `next()` has waited, in seconds.
  package private(set) var secondsWaited = 0.0

  /// Starts to make items.
  ///
  /// - Parameters:
  ///   - range: which items, in order.
  ///   - depth: the maximum number of finished items in the queue; it bounds memory.
  ///   - device: the device on which the consumer computes.
  ///   - make: makes one item; called on one thread only.
  package convenience init(
    _ range: Range<Int>, depth: Int = 2, for device: Device,
    make: @escaping @Sendable (Int) throws -> Item
  ) {
    self.init(range, depth: depth, for: device, start: Machine.startThread, make: make)
  }

  /// Makes items on the thread that `start` starts, or on the consumer's if it returns false.
  init(
    _ range: Range<Int>, depth: Int = 2, for device: Device,
    start: (@escaping @Sendable () -> Void) -> Bool, make: @escaping @Sendable (Int) throws -> Item
  ) {
    let threads = device == .cpu ? 1 : Machine.threads
    let make: @Sendable (Int) throws -> Item = { index in
      try Machine.withThreads(threads) { try make(index) }
    }
    let isStarted = start { [weak self] in
      for index in range {
        let result = Result { try make(index) }
        guard let self, self.put(result, depth) else { return }
        if case .failure = result { break }
      }
      self?.finish()
    }
    guard !isStarted else { return }
    var rest = range
    makesNext = { try rest.popFirst().map(make) }
  }

  /// Returns the next item, or nil after the last.
  ///
  /// After a cancellation, it returns the finished items, then nil.
  ///
  /// - Throws: the error of making the item.
  package func next() throws -> Item? {
    let start = Date()
    if let makesNext {
      defer { secondsWaited += Date().timeIntervalSince(start) }
      guard !cancelled else { return nil }
      let result = Result { try makesNext() }
      if case .failure = result { cancelled = true }
      return try result.get()
    }
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
