import Confounders
import Foundation
import Storage
import Torch

/// What is to be measured, and with what.
package struct BenchmarkOptions: Sendable {
  /// Which groups of cases.
  package var groups = BenchmarkGroup.allCases
  /// Whether a short run with rough numbers is enough.
  package var quick = false
  /// Which models, by the names of `knownModels`; empty for those that each group takes by itself.
  package var models: [String] = []
  /// How many rounds each case has; nil for as many as fit its time.
  package var rounds: Int?
  /// Threads an operator may use; one a core is what both sides are quickest with.
  package var threads = ProcessInfo.processInfo.activeProcessorCount
  /// The seed of weights and pictures.
  package var seed: UInt64 = 0
  /// The folder `Benchmarks` with the Python peers; nil for ours alone.
  package var peers: URL?
  /// The words that models are made with.
  package var prompts: PromptSet
  /// Where weights, pictures and runs go while it works.
  package var work: URL
  /// How to start this program for a measurement of memory: `PROGRAM bench`; nil leaves that group out.
  package var program: [String]?
  /// Versions to note, by name.
  package var versions: [String: String] = [:]

  /// The models that can be asked for.
  package static var knownModels: [String] { Geometry.all.map(\.id) }

  /// Takes what has no default.
  ///
  /// - Parameters:
  ///   - prompts: the words that models are made with.
  ///   - work: where weights, pictures and runs go while it works.
  package init(prompts: PromptSet, work: URL) {
    self.prompts = prompts
    self.work = work
  }
}

/// Measures this software beside its peers, in alternation.
package final class Benchmark {
  private let context: BenchmarkContext
  private let options: BenchmarkOptions

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - options: what to measure.
  ///   - note: told what is being done, a line each.
  /// - Throws: `FileError` when the working folder cannot be made, or `TorchError` for a number of threads.
  package init(_ options: BenchmarkOptions, note: @escaping (String) -> Void = { _ in }) throws {
    self.options = options
    try FileManager.default.createFolder(options.work)
    try Machine.setThreads(options.threads)
    context = BenchmarkContext(options, note: note)
  }

  /// Measures all that was asked for.
  ///
  /// What fails is noted under `missing`; the others go on.
  ///
  /// - Parameter partial: told of the record after each case, so that a run that is ended leaves what it had; what it
  ///   throws ends the run.
  /// - Returns: the record.
  /// - Throws: what `partial` throws.
  package func run(_ partial: (BenchmarkRecord) throws -> Void = { _ in }) throws -> BenchmarkRecord {
    defer { context.peers.stop() }
    var record = BenchmarkRecord(
      date: ISO8601DateFormatter().string(from: Date()), quick: options.quick, seed: options.seed,
      machine: MachineFacts(threads: options.threads), versions: options.versions)
    record.versions["libtorch"] = Machine.libtorchVersion
    var stop: (any Error)?
    for group in options.groups {
      context.note("\(group.rawValue): \(group.title)")
      do {
        try cases(of: group) { found in
          record.cases.append(found)
          finish(&record)
          do { try partial(record) } catch {
            stop = error
            throw error
          }
        }
      } catch {
        if let stop { throw stop }
        if error is FileError { throw error }
        record.missing[group.rawValue] = "\(error)"
        context.note("  left out: \(error)")
      }
    }
    finish(&record)
    try partial(record)
    return record
  }

  private func cases(of group: BenchmarkGroup, _ add: (CaseRecord) throws -> Void) throws {
    switch group {
    case .encode: try EncodeCases(context).run(add)
    case .files: try FileCases(context).run(add)
    case .training: try TrainingCases(context: context).run(add)
    case .study: try StudyCases(context: context).run(add)
    case .decode: try DecodeCases(context).run(add)
    case .metrics: try MetricsCases(context).run(add)
    case .memory: try MemoryCases(context: context).run(add)
    case .scaling: try ScalingCases(context: context).run(add)
    }
  }

  private func finish(_ record: inout BenchmarkRecord) {
    record.missing.merge(context.peers.missing) { $1 }
    record.versions.merge(context.peers.versions) { $1 }
    for contestant in record.cases.flatMap(\.contestants) where contestant.role == .yardstick {
      guard let operations = contestant.operations, let best = contestant.spread?.minimum, best > 0,
        let precision = contestant.precision
      else { continue }
      record.peaks[precision] = max(record.peaks[precision] ?? 0, operations / best)
    }
  }
}
