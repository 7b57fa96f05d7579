import Foundation
import Testing
import Torch

@testable import Datasets

@Suite("Prefetcher", .timeLimit(.minutes(10)))
struct PrefetcherTests {
  private struct Bad: Error, Equatable { let index: Int }

  @Test("Items come in order and nil after the last", arguments: [1, 2, 8])
  func order(depth: Int) throws {
    let prefetcher = Prefetcher(3..<20, depth: depth, for: .cpu) { $0 * $0 }
    var found: [Int] = []
    while let item = try prefetcher.next() { found.append(item) }
    #expect(found == (3..<20).map { $0 * $0 })
    #expect(try prefetcher.next() == nil)
  }

  @Test("An item is made with one thread of libtorch, or with all where a device computes")
  func threads() throws {
    let found = try Machine.withThreads(3) {
      try [
        Prefetcher(0..<1, for: .cpu) { _ in Machine.threads },
        Prefetcher(0..<1, for: .cpu, start: { _ in false }) { _ in Machine.threads },
        Prefetcher(0..<1, for: .cuda()) { _ in Machine.threads },
      ].map { try $0.next() } + [Machine.threads]
    }
    #expect(found == [1, 1, 3, 3])
  }

  @Test("An empty range gives nil at once")
  func empty() throws {
    #expect(try Prefetcher(0..<0, for: .cpu) { $0 }.next() == nil)
  }

  @Test("An error is thrown at its place and nothing follows it")
  func error() throws {
    let prefetcher = Prefetcher(0..<10, for: .cpu) { index in
      guard index != 3 else { throw Bad(index: index) }
      return index
    }
    for index in 0..<3 { #expect(try prefetcher.next() == index) }
    #expect(throws: Bad(index: 3)) { try prefetcher.next() }
    #expect(try prefetcher.next() == nil)
  }

  @Test("Without a thread the consumer makes the items, in the same order and with the same errors")
  func noThread() throws {
    let prefetcher = Prefetcher(3..<10, for: .cpu, start: { _ in false }) { index in
      guard index != 6 else { throw Bad(index: index) }
      return index * index
    }
    for index in 3..<6 { #expect(try prefetcher.next() == index * index) }
    #expect(throws: Bad(index: 6)) { try prefetcher.next() }
    #expect(try prefetcher.next() == nil)
    let cancelled = Prefetcher(0..<3, for: .cpu, start: { _ in false }) { $0 }
    #expect(try cancelled.next() == 0)
    cancelled.cancel()
    #expect(try cancelled.next() == nil)
  }

  @Test("No more than the depth and the one in hand are made ahead")
  func bounded() throws {
    let made = Made()
    let prefetcher = Prefetcher(0..<100, depth: 2, for: .cpu) { index in
      made.add(index)
      return index
    }
    #expect(try prefetcher.next() == 0)
    Thread.sleep(forTimeInterval: 0.1)
    #expect(made.count <= 4)
    prefetcher.cancel()
  }

  @Test("After a cancellation the maker stops and the consumer does not hang")
  func cancel() throws {
    let made = Made()
    let prefetcher = Prefetcher(0..<1_000_000, depth: 2, for: .cpu) { index in
      made.add(index)
      return index
    }
    #expect(try prefetcher.next() == 0)
    prefetcher.cancel()
    // What was ready may still come, then nil.
    for _ in 0..<4 where try prefetcher.next() == nil { break }
    #expect(try prefetcher.next() == nil)
    let count = made.count
    Thread.sleep(forTimeInterval: 0.05)
    #expect(made.count <= count + 1)
  }

  private final class Made: @unchecked Sendable {
    private let lock = NSLock()
    private var items: [Int] = []
    func add(_ item: Int) { lock.withLock { items.append(item) } }
    var count: Int { lock.withLock { items.count } }
  }
}
