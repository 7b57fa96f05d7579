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

  @Test(arguments: [1, 4]) func theFirstOfTheErrorsIsThrownAndNoMoreIsBegun(_ threads: Int) throws {
    struct Failure: Error, Equatable { let index: Int }
    let begun = Tally()
    let together = DispatchGroup()
    for _ in 0..<threads { together.enter() }
    #expect(throws: Failure(index: 0)) {
      try concurrentMap(count: 1000, threads: threads) { index in
        begun.add()
        // All have begun one before any fails.
        together.leave()
        _ = together.wait(timeout: .now() + 60)
        throw Failure(index: index)
      }
    }
    #expect(begun.value == threads)
  }

  @Test func workOfRefusedThreadsIsDoneByTheOthers() throws {
    for allowed in 0...2 {
      let started = Tally()
      let found = try concurrentMap(
        count: 20, threads: 4,
        start: { started.add() <= allowed ? Machine.startThread($0) : false }, { $0 * 2 })
      #expect(found == (0..<20).map { $0 * 2 })
      #expect(started.value == min(allowed + 1, 3))
    }
  }

  @Test func threadsAreSharedOutAndSurviveTheWork() throws {
    try Machine.withThreads(4) {
      for (count, perThread, wanted) in [(1, 1, 4), (2, 1, 2), (8, 1, 1), (8, 2, 1), (1, 2, 4)] {
        let threads = try concurrentMap(count: count, on: .cpu, perThread: perThread) { _ in Machine.threads }
        #expect(threads == Array(repeating: wanted, count: count))
      }
      #expect(Machine.threads == 4)
    }
  }

  @Test func aThreadComputesWithAsManyThreadsAsItsMaker() throws {
    for count in [1, 3] {
      let found = try Machine.withThreads(count) {
        let (begin, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let tally = Tally()
        let isStarted = Machine.startThread {
          begin.wait()
          for _ in 0..<Machine.threads { tally.add() }
          done.signal()
        }
        // What others set meanwhile does not count.
        try Machine.setThreads(2)
        try #require(isStarted)
        begin.signal()
        done.wait()
        return tally.value
      }
      #expect(found == count)
    }
  }
}
