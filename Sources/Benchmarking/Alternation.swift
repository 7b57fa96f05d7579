import Foundation

/// One side of a comparison.
struct Contestant {
  /// What it is called, what it is, and what its output was compared to.
  var record: ContestantRecord
  /// Does the work a number of times; gives the seconds of all.
  var run: (_ count: Int) throws -> Double
  /// Whether a sample may be the mean of several calls; training steps may not.
  var repeats = true
  /// What is known of its output only after all rounds: difference and scale.
  var verdict: (() -> (difference: Double, scale: Double)?)?
  /// Lets go of what it holds.
  var release: () -> Void = {}

  /// One of ours.
  static func ours(
    _ precision: String?, name: String = "mcdrl", difference: (Double, Double)? = nil,
    _ work: @escaping () throws -> Void
  ) -> Contestant {
    var record = ContestantRecord(name, .ours, precision: precision)
    (record.difference, record.scale) = (difference?.0, difference?.1)
    return Contestant(record: record, run: { count in try seconds { for _ in 0..<count { try work() } } })
  }

  /// One that cannot take part.
  static func failed(_ record: ContestantRecord, _ reason: String) -> Contestant {
    var record = record
    record.failure = reason
    return Contestant(record: record, run: { _ in 0 })
  }
}

/// How often and how long contestants take turns.
struct Pace {
  /// At least so many rounds.
  var least: Int
  /// At most so many.
  var most: Int
  /// After so many seconds no further round begins, once the least is done.
  var seconds: Double
  /// A sample of quick work is the mean of as many calls as fill this time.
  var sample = 0.05
  /// When even the quickest contestant's first call takes more seconds, it counts.
  var long = 5.0
  /// What passes between two turns, so that the threads of the one before have gone to sleep.
  var pause = 0.02
}

/// Seconds that a body takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = DispatchTime.now().uptimeNanoseconds
  try body()
  return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
}

/// Lets contestants take turns, one sample each a round, each round begun by another.
///
/// - Parameters:
///   - contestants: one that fails drops out and its samples are forgotten, so that those of the others stay paired.
///   - pace: how often.
/// - Returns: their records, in order.
func alternate(_ contestants: [Contestant], _ pace: Pace) -> [ContestantRecord] {
  var records = contestants.map(\.record)
  var counts = Array(repeating: 1, count: contestants.count)
  func turn(_ index: Int, _ count: Int) -> Double? {
    guard records[index].failure == nil else { return nil }
    Thread.sleep(forTimeInterval: pace.pause)
    do {
      return try contestants[index].run(count) / Double(count)
    } catch {
      records[index].failure = "\(error)"
      records[index].samples = []
      return nil
    }
  }
  // The first call allocates and warms up; where each takes long, that is lost in it, and it is the first round.
  let first = contestants.indices.map { turn($0, 1) }
  let isLong = first.allSatisfy { $0.map { $0 > pace.long } ?? true }
  for (index, sample) in first.enumerated() where records[index].failure == nil {
    if isLong, let sample { records[index].samples.append(sample) }
    // The second call tells how many fill a sample.
    guard !isLong, contestants[index].repeats, let second = turn(index, 1) else { continue }
    counts[index] = max(1, min(10_000, Int((pace.sample / max(second, 1e-7)).rounded(.up))))
  }
  let start = Date()
  for round in (isLong ? 1 : 0)..<pace.most {
    if round >= pace.least, Date().timeIntervalSince(start) > pace.seconds { break }
    for offset in contestants.indices {
      let index = (round + offset) % contestants.count
      if let sample = turn(index, counts[index]) { records[index].samples.append(sample) }
    }
  }
  for (index, contestant) in contestants.enumerated() {
    if records[index].failure == nil, let verdict = contestant.verdict?() {
      (records[index].difference, records[index].scale) = (verdict.difference, verdict.scale)
    }
    contestant.release()
  }
  return records
}
