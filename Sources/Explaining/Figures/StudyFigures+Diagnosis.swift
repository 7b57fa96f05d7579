import Datasets
import Foundation
import Storage
import Studies
import Torch
import Training

extension StudyFigures {
  /// Computes the figures of the diagnosis: probes, adjustment, dictionary coverage, erasure.
  ///
  /// They show whether a method removed confounding.
  func diagnose(_ features: FeatureStore?) throws {
    // These are the runs of every method and held-out site, with the displayed seed.
    let runs = methods.flatMap(heldOut)
    // Only a method that states its form of the sum follows another form or other entries. A
    // constant instead of the dictionary leaves nothing to sum over.
    let summing = try runs.filter {
      let traits = $0.run.configuration.model.method.traits
      return try traits.adjustment != nil && traits.dictionary != .constant && $0.run.intervenes()
    }
    // Controls whose dictionary is not the words say nothing about the words.
    let speaking = summing.filter { $0.run.configuration.model.method.traits.dictionary == .words }
    let own = cache == nil ? FeatureCache(folder.appendingPathComponent("cache")) : nil
    defer { own?.remove() }
    var made: DiagnosisInputs?
    // This runs once for all figures, and not at all if none is missing.
    func inputs() throws -> DiagnosisInputs {
      if let made { return made }
      let all = try runs.map { run in
        (
          run: run,
          samples: try DiagnosisImages(run, catalog, limit: diagnosisLimit).samples
            + DiagnosisImages(run, catalog, limit: coverageLimit).samples + adjusted(run)
        )
      }
      let found = try DiagnosisInputs(all, features: features, cache: cache ?? own, images)
      made = found
      return found
    }
    try keep(.probes, of: runs, "\(diagnosisLimit)\(toldConfounders())") {
      try probeFigure(runs, inputs(), fingerprint: $0)
    }
    try keepOrRemove(.adjustment, of: summing, "\(adjustmentLimit)") {
      try adjustmentFigure(summing, inputs(), fingerprint: $0)
    }
    try keepOrRemove(.coverage, of: speaking, "\(coverageLimit)") {
      try coverageFigure(speaking, inputs(), fingerprint: $0)
    }
    // A method that ignores the tower has nothing to erase from, and a trunk alone has no words that
    // measure.
    let reading = try runs.filter {
      try !$0.run.configuration.model.method.traits.ignoresTower && ClipDescription($0.run.folder).hasWords
    }
    try keepOrRemove(.erasure, of: reading, "\(diagnosisLimit) \(adjustmentLimit)") {
      try erasureFigure(reading, inputs(), fingerprint: $0)
    }
  }

  /// Returns the stated true confounders for a fingerprint, since no run's fingerprint covers them.
  ///
  /// It is empty if the data states none.
  private func toldConfounders() throws -> String {
    let known = try KnownConfounders(catalog.sites.flatMap { $0.allSamples.map(\.image) })
    var hash = StableHash()
    for file in known.files { hash.combine(try Data(file: file)) }
    return known.files.isEmpty ? "" : " \(hash.text)"
  }

  /// Returns the images of a run's held-out site for the comparison of adjustments.
  func adjusted(_ run: Run) throws -> [Sample] {
    DiagnosisImages.spread(try catalog.site(run.result.site).testSamples, adjustmentLimit)
  }

  /// Computes a figure of some runs, or removes the figure of an earlier call if there are no runs.
  func keepOrRemove<Figure: Encodable>(
    _ file: FigureFile, of runs: [Run], _ settings: String, _ figure: (_ fingerprint: String) throws -> Figure
  ) throws {
    guard runs.isEmpty else { return try keep(file, of: runs, settings, figure) }
    try? FileManager.default.removeItem(at: folder.appendingPathComponent(file.rawValue))
  }

  /// The most models at once, because each has its own weights in memory.
  private static let mostModels = 8

  /// Computes values in parallel, in order, each with an equal share of libtorch's threads.
  ///
  /// The passes of a figure are small, so two threads for two passes are faster than for one.
  static func inParallel<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
  ) throws -> [Value] {
    let workers = max(1, min(count, mostModels, ProcessInfo.processInfo.activeProcessorCount))
    let threads = max(1, Machine.threads / workers)
    return try concurrentMap(count: count, threads: workers) { index in
      try Machine.withThreads(threads) { try body(index) }
    }
  }
}
