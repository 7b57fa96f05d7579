import Foundation
import Storage
import Training

extension FoldRun {
  /// Returns the stored result after checking that it is of this study; nothing is trained or scored.
  ///
  /// - Returns: the result; nil if the fold has none.
  /// - Throws: `StudyError.foreign` if the folder holds another run, or an error that names a file.
  func verified() throws -> FoldResult? { try folder.exists ? checked().stored : nil }

  /// Checks that the existing run of the fold is of this study.
  ///
  /// - Returns: the run, the index of its candidate, and its result; nil if it has none.
  /// - Throws: `StudyError.foreign` if the folder holds another run, or an error that names a file.
  func checked() throws -> (run: Run, chosen: Int, stored: FoldResult?) {
    let run = try study.open(folder)
    let candidates = try plan.candidates.map { try study.settings(fold, $0) }
    guard let chosen = candidates.firstIndex(of: run.configuration) else {
      throw StudyError.foreign(folder.url, differences: try candidates[0].changes(from: run.configuration))
    }
    try requireLosers(chosen)
    try requireSame(run)
    return (run, chosen, study.stored(fold))
  }

  /// Checks that the chosen candidate was compared with these others; otherwise there was no choice.
  ///
  /// - Throws: `StudyError.foreign` if one has no run, or a run of other settings.
  private func requireLosers(_ chosen: Int) throws {
    for (index, candidate) in plan.candidates.enumerated() {
      var runs: [(place: RunFolder, settings: RunConfiguration)] = []
      if plan.hasInnerFolds {
        runs = try innerRuns(index)
      } else if index != chosen {
        runs = [(self.candidate(index), try study.settings(fold, candidate))]
      }
      // A candidate that diverged has no later runs.
      let existing = runs.filter { $0.place.exists }
      guard runs.isEmpty || !existing.isEmpty else {
        throw StudyError.foreign(
          folder.url, differences: ["settings were chosen from other candidates"])
      }
      for (place, settings) in existing { _ = try opened(place, settings) }
    }
  }

  /// Checks that a run began with the data, words and weights of the study.
  ///
  /// - Throws: `StudyError.foreign` that names each difference.
  func requireSame(_ run: Run) throws {
    let system = try run.freshSystem()
    let sources = run.configuration.sources
    let fingerprint = try Fingerprint(
      data: dataHashes(of: run.configuration), sources: sources, system: system)
    let stored = try? JSONDecoder().decode(
      Fingerprint.self, from: Data(file: run.folder.fingerprintFile))
    let prompts = try study.prompts.limited(to: run.configuration.confounders)
    guard run.prompts == prompts, stored?.isSame(as: fingerprint) == true else {
      throw StudyError.foreign(
        run.folder.url,
        differences: fingerprint.differences(from: stored, hasSamePrompts: run.prompts == prompts))
    }
  }
}

extension Fingerprint {
  /// Describes the inputs of a fold that differ from those of a stored run.
  ///
  /// - Parameters:
  ///   - stored: the fingerprint of the run; nil if it cannot be read.
  ///   - hasSamePrompts: whether the prompts are the same.
  /// - Returns: one text for each.
  fileprivate func differences(from stored: Fingerprint?, hasSamePrompts: Bool) -> [String] {
    let words = hasSamePrompts ? [] : ["other prompts"]
    guard let stored else { return words + ["fingerprint.json is missing or damaged"] }
    let sites = Set(data.keys).union(stored.data.keys).sorted().filter { data[$0] != stored.data[$0] }
    var found = words + sites.map { "other images, masks or facts of site \($0)" }
    // Another version or libtorch may start from other weights.
    if stored.version != version { found.append("mcdrl was \(stored.version), is \(version)") }
    if stored.libtorch != libtorch { found.append("libtorch was \(stored.libtorch), is \(libtorch)") }
    if stored.weights != weights { found.append("other starting weights") }
    return found
  }
}
