import Foundation

/// One contestant of a comparison.
struct Contestant {
  /// The name of the contestant, its role, and the reference for its output.
  var record: ContestantRecord
  /// Runs the work a number of times; returns the total seconds.
  var run: (_ count: Int) throws -> Double
  /// Whether a sample may be the mean of several calls; false for training steps.
  var repeats = true
  /// The difference and scale of its output, known only after all rounds.
  var verdict: (() -> (difference: Double, scale: Double)?)?
  /// Does the work once and returns the peak memory of its device; nil for none to measure.
  var memory: (() throws -> Int?)?
  /// Releases its resources.
  var release: () -> Void = {}

  /// Makes a contestant of this software.
  static func ours(
    _ precision: String?, name: String = "mcdrl", difference: (Double, Double)? = nil,
    _ work: @escaping () throws -> Void
  ) -> Contestant {
    var record = ContestantRecord(name, .ours, precision: precision)
    (record.difference, record.scale) = (difference?.0, difference?.1)
    return Contestant(record: record, run: { count in try seconds { for _ in 0..<count { try work() } } })
  }

  /// Makes a contestant that cannot take part.
  static func failed(_ record: ContestantRecord, _ reason: String) -> Contestant {
    var record = record
    record.failure = reason
    return Contestant(record: record, run: { _ in 0 })
  }
}

/// The number and duration of rounds.
struct Pace {
  /// The minimum number of rounds.
  var least: Int
  /// The maximum number of rounds.
  var most: Int
  /// The time limit in seconds.
  ///
  /// No further round begins after it, once the minimum number of rounds is done.
  var seconds: Double
  /// The seconds of a sample of fast work; it is the mean of as many calls as fill this time.
  var sample = 0.05
  /// If even the fastest first call takes more seconds than this, the first calls count as a round.
  var long = 5.0
  /// The pause between two turns, in seconds.
  ///
  /// The threads of the previous contestant go to sleep in it; some spin for 0.2 seconds first.
  var pause = 0.25
}

/// Measures the seconds of a body.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = DispatchTime.now().uptimeNanoseconds
  try body()
  return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
}

/// Runs contestants in turns, one sample each per round; each round starts with another contestant.
///
/// - Parameters:
///   - contestants: a contestant that fails drops out and its samples are deleted, so that the
///     samples of the others stay paired.
///   - pace: the number and duration of rounds.
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
  // The first call allocates and warms up. If all contestants take long, this does not matter, and
  // the first call is the first round.
  let first = contestants.indices.map { turn($0, 1) }
  let isLong = first.allSatisfy { $0.map { $0 > pace.long } ?? true }
  for (index, sample) in first.enumerated() where records[index].failure == nil {
    if isLong, let sample { records[index].samples.append(sample) }
    // The second call determines how many calls fill a sample.
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
    if records[index].failure == nil {
      records[index].deviceMemory = (try? contestant.memory?()) ?? nil
    }
    contestant.release()
  }
  return records
}
