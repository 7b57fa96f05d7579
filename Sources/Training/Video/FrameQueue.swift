import Foundation

/// A queue of bounded length between two threads, in order.
///
/// If it is full, the producer waits, or the oldest item makes room: then a stub takes its place, which
/// holds no picture.
final class FrameQueue<Item: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private let capacity: Int
  private let stub: ((Item) -> Item)?
  private var items: [(item: Item, isStub: Bool)] = []
  private var live = 0
  private var most = 0
  private var end: Result<Void, any Error>?
  private var cancelled = false

  /// Makes an empty queue.
  ///
  /// - Parameters:
  ///   - capacity: the most items, stubs not counted; at least 1.
  ///   - stub: makes the stub of an item that gives way; nil if the producer waits.
  init(capacity: Int, stub: ((Item) -> Item)? = nil) {
    self.capacity = max(1, capacity)
    self.stub = stub
  }

  /// The most items that were in the queue at once, stubs not counted.
  var peak: Int { condition.withLock { most } }

  /// Whether the consumer takes no more.
  var isCancelled: Bool { condition.withLock { cancelled } }

  /// Adds an item.
  ///
  /// - Returns: false if the consumer takes no more.
  @discardableResult
  func put(_ item: Item) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    if let stub {
      while live >= capacity, let oldest = items.firstIndex(where: { !$0.isStub }) {
        items[oldest] = (stub(items[oldest].item), true)
        live -= 1
      }
    } else {
      while live >= capacity, !cancelled { condition.wait() }
    }
    guard !cancelled else { return false }
    items.append((item, false))
    live += 1
    most = max(most, live)
    condition.broadcast()
    return true
  }

  /// Ends the queue after its last item, with an error if the producer failed.
  func finish(_ result: Result<Void, any Error> = .success(())) {
    condition.lock()
    defer { condition.unlock() }
    if end == nil { end = result }
    condition.broadcast()
  }

  /// Takes the next item; nil after the last.
  ///
  /// - Throws: the error of the producer, after the items before it.
  func take() throws -> Item? {
    condition.lock()
    defer { condition.unlock() }
    while items.isEmpty, end == nil, !cancelled { condition.wait() }
    if let item = removeFirst() { return item }
    try end?.get()
    return nil
  }

  /// Takes the next item if there is one now.
  func takeReady() -> Item? {
    condition.lock()
    defer { condition.unlock() }
    return removeFirst()
  }

  /// Empties the queue; the producer stops.
  func cancel() {
    condition.lock()
    defer { condition.unlock() }
    cancelled = true
    (items, live) = ([], 0)
    condition.broadcast()
  }

  private func removeFirst() -> Item? {
    guard !items.isEmpty else { return nil }
    let first = items.removeFirst()
    if !first.isStub { live -= 1 }
    condition.broadcast()
    return first.item
  }
}
