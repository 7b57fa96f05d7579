import Foundation

/// Collects what closures are told, from any thread.
package final class Collector<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Value] = []

  /// Nothing yet.
  package init() {}

  /// Everything so far, in the order in which it came.
  package var all: [Value] { lock.withLock { values } }
  /// The number of values so far.
  package var count: Int { lock.withLock { values.count } }

  /// Takes one more.
  package func add(_ value: Value) { lock.withLock { values.append(value) } }
}
