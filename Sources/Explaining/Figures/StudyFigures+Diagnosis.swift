import Datasets
import Foundation
import Storage
import Studies
import Torch
import Training

extension StudyFigures {
  /// Computes what says whether a method removed confounding: probes, adjustment, dictionary coverage.
  func diagnose(_ features: FeatureStore?) throws {
    // Every method's, each site held out, with the seed that is shown.
    let runs = methods.flatMap(heldOut)
    // A constant in the place of the dictionary leaves nothing to sum over.
    let summing = runs.filter {
      let traits = $0.run.configuration.model.method.traits
      return traits.intervenes && traits.dictionary != .constant
    }
    // Controls whose dictionary is not the words say nothing of the words.
    let speaking = summing.filter { $0.run.configuration.model.method.traits.dictionary == .words }
    let own = cache == nil ? FeatureCache(folder.appendingPathComponent("cache")) : nil
    defer { own?.remove() }
    var made: DiagnosisInputs?
    // Once for all figures, and not at all where none is missing.
    func inputs() throws -> DiagnosisInputs {
      if let made { return made }
      let all = try runs.map { run in
        (
          run: run,
          samples: try DiagnosisImages(run, catalog, limit: diagnosisLimit).samples
            + DiagnosisImages(run, catalog, limit: coverageLimit).samples + adjusted(run)
        )
      }
      let found = try DiagnosisInputs(all, features: features, cache: cache ?? own)
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
  }

  /// What the data tells of true confounders, for a fingerprint, since no run's own covers it.
  ///
  /// Empty where it tells nothing.
  private func toldConfounders() throws -> String {
    let known = try KnownConfounders(catalog.sites.flatMap { $0.allSamples.map(\.image) })
    var hash = StableHash()
    for file in known.files { hash.combine(try Data(file: file)) }
    return known.files.isEmpty ? "" : " \(hash.text)"
  }

  /// The images of a run's held-out site on which the adjustment is compared.
  func adjusted(_ run: Run) throws -> [Sample] {
    DiagnosisImages.spread(try catalog.site(run.result.site).testSamples, adjustmentLimit)
  }

  /// Computes a figure of some runs, or removes that of an earlier call where none is left.
  private func keepOrRemove<Figure: Encodable>(
    _ file: FigureFile, of runs: [Run], _ settings: String, _ figure: (_ fingerprint: String) throws -> Figure
  ) throws {
    guard runs.isEmpty else { return try keep(file, of: runs, settings, figure) }
    try? FileManager.default.removeItem(at: folder.appendingPathComponent(file.rawValue))
  }

  /// Models that are worked on side by side: libtorch's own threads leave no room for it.
  static var workers: Int { Machine.threads == 1 ? ProcessInfo.processInfo.activeProcessorCount : 1 }
}
