import Confounders
import Foundation
import Storage
import Torch

/// The settings of a benchmark.
package struct BenchmarkOptions: Sendable {
  /// The groups of cases to run.
  package var groups = BenchmarkGroup.allCases
  /// Whether to make a short run with rough numbers.
  package var quick = false
  /// The models, by the names of `knownModels`; if empty, each group uses its own.
  package var models: [String] = []
  /// The number of rounds of each case; nil for as many as fit its time.
  package var rounds: Int?
  /// The threads per operator; one per core is the fastest for both sides.
  package var threads = ProcessInfo.processInfo.activeProcessorCount
  /// The device that computes; all but the CPU measure `groupsOfDevices` alone, without peers.
  package var device = Device.cpu
  /// The seed of weights and images.
  package var seed: UInt64 = 0
  /// The folder `Benchmarks` with the Python peers; nil measures this software alone.
  package var peers: URL?
  /// The prompts of the models.
  package var prompts: PromptSet
  /// The working folder for weights, images and runs.
  package var work: URL
  /// The command that starts this program for a memory measurement: `PROGRAM bench`.
  ///
  /// If nil, the group of memory is skipped.
  package var program: [String]?
  /// Versions to record, by name.
  package var versions: [String: String] = [:]

  /// The groups that a device other than the CPU can run.
  package static let groupsOfDevices: [BenchmarkGroup] = [.encode, .training]

  /// The names of all models.
  package static var knownModels: [String] { Geometry.all.map(\.id) }

  /// Makes options; the parameters have no default.
  ///
  /// - Parameters:
  ///   - prompts: the prompts of the models.
  ///   - work: the working folder for weights, images and runs.
  package init(prompts: PromptSet, work: URL) {
    self.prompts = prompts
    self.work = work
  }
}

/// Measures this software and its Python peers in alternation.
package final class Benchmark {
  private let context: BenchmarkContext
  private let options: BenchmarkOptions

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - options: the settings.
  ///   - note: receives the progress, one line each.
  /// - Throws: `FileError` if the working folder cannot be made, or `TorchError` for an invalid
  ///   number of threads.
  package init(_ options: BenchmarkOptions, note: @escaping (String) -> Void = { _ in }) throws {
    self.options = options
    try FileManager.default.createFolder(options.work)
    try Machine.setThreads(options.threads)
    context = BenchmarkContext(options, note: note)
  }

  /// Measures all selected groups.
  ///
  /// A failure is recorded under `missing`; the other cases continue.
  ///
  /// - Parameter partial: receives the record after each case, so that an interrupted run keeps its
  ///   results. Its errors end the run.
  /// - Returns: the record.
  /// - Throws: the errors of `partial`.
  package func run(_ partial: (BenchmarkRecord) throws -> Void = { _ in }) throws -> BenchmarkRecord {
    defer { context.peers.stop() }
    var record = BenchmarkRecord(
      date: ISO8601DateFormatter().string(from: Date()), quick: options.quick, seed: options.seed,
      machine: MachineFacts(threads: options.threads, device: options.device), versions: options.versions)
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
    guard options.device == .cpu || BenchmarkOptions.groupsOfDevices.contains(group) else {
      throw BenchmarkError.cpuOnly
    }
    switch group {
    case .encode: try EncodeCases(context).run(add)
    case .files: try FileCases(context).run(add)
    case .training:
      // Without a choice of models, both are measured; `lite0` stands for the recipe for hospitals.
      let models = options.models
      if models != [Geometry.lite0.id] { try TrainingCases(context: context).run(add) }
      if options.device == .cpu, models.isEmpty || models.contains(Geometry.lite0.id) {
        try TrunkTrainingCases(context: context).run(add)
      }
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
