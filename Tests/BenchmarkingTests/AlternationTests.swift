import Testing

@testable import Benchmarking

@Suite struct AlternationTests {
  private struct Failure: Error {}

  private final class Log {
    var turns: [String] = []
  }

  private let pace = Pace(least: 3, most: 3, seconds: 0, sample: 0, pause: 0)

  private func contestant(_ name: String, _ log: Log, seconds: Double = 1) -> Contestant {
    Contestant(
      record: ContestantRecord(name, .ours),
      run: { count in
        log.turns.append(name)
        return seconds * Double(count)
      }, repeats: false)
  }

  @Test func eachRoundIsBegunByAnother() {
    let log = Log()
    let records = alternate([contestant("a", log), contestant("b", log)], pace)
    #expect(log.turns == ["a", "b", "a", "b", "b", "a", "a", "b"])
    #expect(records.map(\.samples.count) == [3, 3])
  }

  @Test func whereAllTakeLongTheFirstCallCounts() {
    let (log, some) = (Log(), Log())
    let records = alternate([contestant("a", log, seconds: 60), contestant("b", log, seconds: 90)], pace)
    #expect(log.turns == ["a", "b", "b", "a", "a", "b"])
    #expect(records.map(\.samples) == [[60, 60, 60], [90, 90, 90]])
    // One that is quick keeps the warm-up for all, so that samples stay paired.
    _ = alternate([contestant("a", some, seconds: 60), contestant("b", some, seconds: 1)], pace)
    #expect(some.turns.count == 8)
  }

  @Test func oneThatFailsDropsOutAndTheOthersGoOn() {
    let log = Log()
    var calls = 0
    let weak = Contestant(
      record: ContestantRecord("weak", .peer),
      run: { _ in
        calls += 1
        if calls == 3 { throw Failure() }
        return 1
      }, repeats: false)
    let records = alternate([contestant("a", log), weak], pace)
    #expect(records[0].samples.count == 3)
    #expect(records[1].samples.isEmpty)
    #expect(records[1].failure != nil)
    #expect(calls == 3)
  }

  @Test func oneThatCouldNotBePreparedIsNeverRun() {
    let record = alternate([.failed(ContestantRecord("gone", .peer), "no module")], pace)[0]
    #expect(record.failure == "no module")
    #expect(record.samples.isEmpty)
  }

  @Test func quickWorkIsRepeatedUntilItFillsASample() {
    var largest = 0
    let quick = Contestant(
      record: ContestantRecord("quick", .ours),
      run: { count in
        largest = max(largest, count)
        return 0.001 * Double(count)
      })
    let record = alternate([quick], Pace(least: 1, most: 1, seconds: 0, sample: 0.01, pause: 0))[0]
    #expect(largest == 10)
    #expect(abs(record.samples[0] - 0.001) < 1e-12)
  }

  @Test func whatIsKnownOnlyAfterwardsIsNoted() {
    var late = contestant("late", Log())
    late.verdict = { (0.5, 2) }
    var released = false
    late.release = { released = true }
    let record = alternate([late], pace)[0]
    #expect(record.difference == 0.5)
    #expect(record.scale == 2)
    #expect(released)
  }
}
