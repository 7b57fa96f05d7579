import Datasets
import Foundation
import Torch
import Training

extension LeaveOneSiteOut {
  /// Reads the results of all folds, and checks that each is of this study.
  ///
  /// It compares settings, data, prompts, starting weights and versions. It trains and scores
  /// nothing.
  ///
  /// - Returns: the scores of every fold, in the order of `folds`.
  /// - Throws: `StudyError.incomplete` that names each fold that is missing or differs.
  package func collected() throws -> [FoldResult] {
    let folds = folds
    let hashes = try dataHashes
    let inputs = try StudyInputs(
      [], samples: [], sources: [], clip: clip, prompts: prompts, cache: nil, workers: 1,
      progress: { _, _ in })
    let found = try concurrentMap(count: folds.count, threads: workers) { index in
      Result {
        try FoldRun(study: self, fold: folds[index], inputs: inputs, hashes: hashes, progress: Progress())
          .verified()
      }
    }
    let results = found.compactMap { try? $0.get() }
    guard results.count < folds.count else { return results }
    var (missing, differing): ([Int], [String]) = ([], [])
    for (number, outcome) in found.enumerated() {
      switch outcome {
      case .success(nil): missing.append(number)
      case .success: break
      case .failure(let error): differing.append("fold \(number) (\(folds[number].label)): \(error)")
      }
    }
    throw StudyError.incomplete(
      folder.url, missing: missing, of: folds.count, names: missing.map { folds[$0].label },
      differing: differing)
  }

  /// Checks that existing runs of the folds have settings of this study.
  ///
  /// - Throws: `StudyError.foreign` that names the first other run.
  package func requireOwnRuns() throws {
    for fold in folds {
      let place = directory(fold)
      guard place.exists else { continue }
      let own = try place.configuration(methods: plan.configuration.methods)
      let candidates = try plan.candidates.map { try settings(fold, $0) }
      guard !candidates.contains(own) else { continue }
      throw StudyError.foreign(place.url, differences: try candidates[0].changes(from: own))
    }
  }
}

extension LeaveOneSiteOut.Fold {
  /// The site, the arm and the seed in words.
  package var label: String { "\(site) held out, \(arm.name), seed \(seed)" }
}
