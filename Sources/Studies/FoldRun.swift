import Confounders
import Foundation
import Metrics
import Storage
import Torch
import Training

/// Trains and scores one fold of a study, or takes up what an earlier call left.
struct FoldRun {
  let study: LeaveOneSiteOut
  let fold: LeaveOneSiteOut.Fold
  let inputs: StudyInputs
  /// Of the data, by site.
  let hashes: [String: String]
  let progress: LeaveOneSiteOut.Progress

  private var plan: StudyPlan { study.plan }
  private var run: RunDirectory { study.directory(fold) }

  /// The fold's result: stored, or trained and scored.
  ///
  /// - Throws: `ConfigurationError` when the folder holds a run of something else, or what training throws.
  func result() throws -> FoldResult {
    guard run.exists else { return try choose() }
    let stored = try run.configuration()
    let candidates = try plan.candidates.map { try study.settings(fold, $0) }
    guard let chosen = candidates.firstIndex(of: stored), losersExist(chosen) else { throw foreign(run) }
    try requireSame(run, stored, system(stored))
    if let result = study.stored(fold) { return result }
    // Stopped before it was scored; of a single candidate perhaps before it was trained.
    let history = try train(stored, run)
    return try score(stored, history, chosen: chosen)
  }

  /// Whether the candidates that lost are there: without them nothing was chosen.
  private func losersExist(_ chosen: Int) -> Bool {
    plan.candidates.indices.allSatisfy { $0 == chosen || candidate($0).exists }
  }

  /// Trains every candidate and keeps the one that the source sites' validation split prefers.
  private func choose() throws -> FoldResult {
    guard plan.candidates.count > 1 else {
      let settings = try study.settings(fold, plan.candidates[0])
      return try score(settings, try train(settings, run), chosen: 0)
    }
    var failure: TrainingError?
    let histories = try plan.candidates.indices.map { index -> [EpochMetrics]? in
      do {
        return try train(study.settings(fold, plan.candidates[index]), candidate(index))
      } catch let error as TrainingError {
        // A candidate that diverges has lost.
        guard case .diverged = error else { throw error }
        failure = error
        return nil
      }
    }
    // Of equals the first.
    let dice = histories.map { $0.flatMap(Self.chosen)?.validationDice ?? -1 }
    let best = dice.indices.max { (dice[$0], -$0) < (dice[$1], -$1) } ?? 0
    guard let history = histories[best] else { throw failure ?? TrainingError.noImages }
    guard Self.chosen(history)?.validationDice != nil else {
      throw ConfigurationError(
        "site \(fold.site) held out: the source sites leave no validation image to choose settings on; raise "
          + "validationShare, or state smaller groups")
    }
    try FileManager.default.createFolder(run.url.deletingLastPathComponent())
    try FileManager.default.moveItem(at: candidate(best).url, to: run.url)
    return try score(try study.settings(fold, plan.candidates[best]), history, chosen: best)
  }

  private func candidate(_ index: Int) -> RunDirectory {
    study.folder.candidate(fold, index)
  }

  /// What a candidate that lost came to; nil when it diverged.
  private func finalDice(of index: Int) throws -> Double? {
    let epochs = try study.settings(fold, plan.candidates[index]).epochs
    guard let history = try? candidate(index).history(), history.count == epochs else { return nil }
    return Self.chosen(history)?.validationDice
  }

  private static func chosen(_ history: [EpochMetrics]) -> EpochMetrics? { history.last { $0.best } }

  private func system(_ settings: RunConfiguration) throws -> SegmentationSystem {
    try RunAssembly.fresh(settings, prompts: study.prompts, clip: study.model(settings))
  }

  private func requireSame(
    _ run: RunDirectory, _ settings: RunConfiguration, _ system: SegmentationSystem
  ) throws {
    let fingerprint = try Fingerprint(data: hashes, system: system, version: plan.version)
    let stored = try? JSONDecoder().decode(Fingerprint.self, from: Data(contentsOf: run.fingerprintFile))
    let prompts = try study.prompts.limited(to: settings.confounders)
    guard try PromptSet(contentsOf: run.promptsFile) == prompts, stored == fingerprint else {
      throw foreign(run)
    }
  }

  private func foreign(_ run: RunDirectory) -> ConfigurationError {
    ConfigurationError(
      "\(run.url.path): was run with other settings, words, data, weights or version; choose another --out or "
        + "remove this folder")
  }

  /// Trains one run to its end, going on where an earlier call stopped.
  private func train(_ settings: RunConfiguration, _ run: RunDirectory) throws -> [EpochMetrics] {
    let clip = try study.model(settings)
    let system = try RunAssembly.fresh(settings, prompts: study.prompts, clip: clip)
    if run.exists {
      guard try run.configuration() == settings else { throw foreign(run) }
      try requireSame(run, settings, system)
    } else {
      try run.create()
      try run.write(study.prompts.limited(to: settings.confounders), to: run.promptsFile)
      try run.write(ClipDescription(clip), to: run.clipFile)
      try run.write(
        Fingerprint(data: hashes, system: system, version: plan.version), to: run.fingerprintFile)
      // Last: it makes the folder a run.
      try run.write(settings, to: run.configurationFile)
    }
    // A finished run keeps no state to go on from.
    if !run.hasState, let history = try? run.history(), history.count == settings.epochs { return history }
    let split = try study.split(fold, settings)
    let trainer = try Trainer(
      configuration: settings, system: system, run: run, training: inputs.bank(split.training, settings),
      validation: inputs.bank(split.validation, settings),
      prompts: study.prompts.limited(to: settings.confounders),
      features: inputs.features(settings), resuming: run.hasState)
    var training = TrainingProgress()
    let (step, fold) = (progress.step, fold)
    training.step = { _, _, _, _ in step(fold) }
    training.shouldStop = progress.shouldStop
    return try trainer.train(training)
  }

  /// Scores the chosen run at the held-out site, once, and writes the result.
  private func score(
    _ settings: RunConfiguration, _ history: [EpochMetrics], chosen: Int
  ) throws -> FoldResult {
    let (trained, _) = try RunAssembly.compiled(run, on: settings.device)
    let segmenter = Segmenter(trained, reader: settings.reader)
    let features = inputs.features(settings)
    var (polyp, reliability) = (PolypProtocol(), try Reliability())
    let images = try study.catalog.site(fold.site).testSamples.map { sample in
      let found = try segmenter.assess(
        sample, threshold: plan.threshold, tolerance: plan.tolerance, spacing: plan.spacing,
        kept: features?.kept([sample]))
      polyp.merge(found.polyp)
      try reliability.merge(found.reliability)
      return FoldResult.Image(
        image: sample.id, group: sample.group, lesionClass: sample.lesionClass, scores: found.scores)
    }
    let best = Self.chosen(history)
    let candidates = try plan.candidates.enumerated().map { index, settings in
      FoldResult.Candidate(
        settings: settings,
        validationDice: index == chosen ? best?.validationDice : try finalDice(of: index))
    }
    let result = FoldResult(
      site: fold.site, method: fold.arm.name, seed: fold.seed, epoch: best?.epoch ?? 0,
      validationDice: best?.validationDice, chosen: plan.candidates[chosen], candidates: candidates,
      threshold: plan.threshold, seconds: history.reduce(0) { $0 + $1.seconds },
      waited: history.reduce(0) { $0 + $1.waited }, polyp: polyp,
      reliability: reliability, images: images)
    try run.write(result, to: study.folder.resultFile(fold))
    // What is needed to go on is most of a run's size, and nothing is left to do.
    for run in [run] + plan.candidates.indices.map(candidate) {
      try? FileManager.default.removeItem(at: run.stateFile)
    }
    return result
  }
}
