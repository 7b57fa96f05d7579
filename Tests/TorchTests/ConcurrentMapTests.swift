import Foundation
import Testing

@testable import Torch

/// Work side by side.
@Suite struct ConcurrentMapTests {
  @Test(arguments: [1, 2, 5]) func valuesComeInOrder(_ threads: Int) throws {
    let found = try concurrentMap(count: 100, threads: threads) { $0 * $0 }
    #expect(found == (0..<100).map { $0 * $0 })
    #expect(try concurrentMap(count: 0, threads: threads) { $0 }.isEmpty)
  }

  @Test func moreThreadsThanCoresAreThereAtOnce() throws {
    let count = ProcessInfo.processInfo.activeProcessorCount * 2 + 1
    let all = DispatchGroup()
    for _ in 0..<count { all.enter() }
    let met = try concurrentMap(count: count, threads: count) { _ in
      all.leave()
      return all.wait(timeout: .now() + 60) == .success
    }
    #expect(met.allSatisfy { $0 })
  }

  @Test func theFirstOfTheErrorsIsThrownAndNoMoreIsBegun() throws {
    struct Failure: Error, Equatable { let index: Int }
    let begun = Tally()
    #expect(throws: Failure(index: 3)) {
      try concurrentMap(count: 1000, threads: 1) { index in
        begun.add()
        if index >= 3 { throw Failure(index: index) }
      }
    }
    #expect(begun.value == 4)
  }

  @Test func threadsAreSharedOutAndSurviveTheWork() throws {
    let before = Machine.threads
    for (count, perThread) in [(1, 1), (8, 1), (8, 2)] {
      let threads = try sideBySide(count: count, perThread: perThread) { _ in Machine.threads }
      #expect(threads.allSatisfy { $0 >= 1 && $0 <= before })
    }
    #expect(Machine.threads == before)
  }
}
