import Confounders
import Datasets
import Foundation
import Metrics
import Storage
import Torch
import Training

/// Trains and scores one fold of a study, or continues an interrupted one.
struct FoldRun {
  let study: LeaveOneSiteOut
  let fold: LeaveOneSiteOut.Fold
  let inputs: StudyInputs
  /// The hashes of the data, by the scenes to train on.
  let hashes: [TrainingScenes: DataHashes]
  let progress: LeaveOneSiteOut.Progress

  var plan: StudyPlan { study.plan }
  var folder: RunFolder { study.directory(fold) }

  /// Returns the result of the fold: stored, or after training and scoring.
  ///
  /// - Throws: `StudyError.foreign` if the folder holds another run, or the errors of training.
  func result() throws -> FoldResult {
    guard folder.exists else { return try choose() }
    let (run, chosen, stored) = try checked()
    if let stored { return stored }
    // The run stopped before its scoring. With a single candidate, it may have stopped before
    // training.
    let history = try train(run.configuration, folder)
    return try score(history, chosen: chosen)
  }

  /// Trains every candidate and chooses the best.
  private func choose() throws -> FoldResult {
    guard plan.candidates.count > 1 else {
      return try score(train(study.settings(fold, plan.candidates[0]), folder), chosen: 0)
    }
    return plan.selection == .loso ? try chooseByInnerFolds() : try chooseByValidation()
  }

  /// Chooses the candidate with the highest score on the validation split of the source sites.
  private func chooseByValidation() throws -> FoldResult {
    let histories = try surviving { index in
      try train(study.settings(fold, plan.candidates[index]), candidate(index))
    }
    // The first of equal candidates wins.
    let scores = try histories.enumerated().map { index, history in
      try history.flatMap(Self.chosen).flatMap { $0.score(by: try selection(index)) } ?? -1
    }
    let best = Self.best(scores)
    guard let history = histories[best], Self.chosen(history)?.score(by: try selection(best)) != nil else {
      throw StudyError.noValidationImage(site: fold.site)
    }
    try FileManager.default.createFolder(folder.url.deletingLastPathComponent())
    try FileManager.default.moveItem(at: candidate(best).url, to: folder.url)
    return try score(history, chosen: best)
  }

  /// Chooses the candidate with the highest mean score at source sites that its runs did not see.
  private func chooseByInnerFolds() throws -> FoldResult {
    let scores = try surviving { try innerScores($0) }
    let means = scores.map { scores in
      scores.map { $0.reduce(0, +) / Double(max(1, $0.count)) } ?? -1
    }
    let best = Self.best(means)
    guard means[best] >= 0 else { throw StudyError.noValidationImage(site: fold.site) }
    return try score(train(study.settings(fold, plan.candidates[best]), folder), chosen: best)
  }

  /// Trains a candidate with each source site held out, and scores each there, at S×S.
  ///
  /// A source site without a scored image does not count.
  private func innerScores(_ index: Int) throws -> [Double] {
    try innerRuns(index).compactMap { place, settings in
      if place.exists { try requireSame(opened(place, settings)) }
      if let stored = Self.stored(place) { return stored.first }
      _ = try train(settings, place)
      let predictor = try study.open(place).predictor(device: settings.device, precision: settings.precision)
      let site = try study.catalog.site(settings.holdOut ?? fold.site).training(on: settings.scenes)
      let bank = try inputs.bank(site.samples, settings)
      let score = try predictor.validationScore(on: bank)
      try place.write(score.map { [$0] } ?? [], to: Self.scoreFile(place))
      try? FileManager.default.removeItem(at: place.stateFile)
      return score
    }
  }

  /// The runs of a candidate that hold out a source site each.
  func innerRuns(_ index: Int) throws -> [(place: RunFolder, settings: RunConfiguration)] {
    try study.innerSettings(fold, plan.candidates[index]).map { settings in
      (study.folder.inner(fold, index, heldOut: settings.holdOut ?? fold.site), settings)
    }
  }

  private static func scoreFile(_ place: RunFolder) -> URL { place.url.appendingPathComponent("inner.json") }

  /// Reads the score of an inner run; empty if it has none, nil before it is scored.
  private static func stored(_ place: RunFolder) -> [Double]? {
    (try? Data(file: scoreFile(place))).flatMap { try? JSONDecoder().decode([Double].self, from: $0) }
  }

  /// Returns the stored scores of a candidate by site; nil if it diverged.
  private func storedScores(_ index: Int) throws -> [String: Double]? {
    var scores: [String: Double] = [:]
    for (place, settings) in try innerRuns(index) {
      guard let stored = Self.stored(place) else { return nil }
      scores[settings.holdOut ?? fold.site] = stored.first
    }
    return scores
  }

  /// Maps the candidates; one that diverges is rejected, with nil.
  ///
  /// - Throws: the error of the last candidate that diverged if all do, or any other error.
  private func surviving<Value>(_ body: (_ index: Int) throws -> Value) throws -> [Value?] {
    var failure: TrainingError?
    let values = try plan.candidates.indices.map { index -> Value? in
      do { return try body(index) } catch let error as TrainingError {
        guard case .diverged = error else { throw error }
        failure = error
        return nil
      }
    }
    if let failure, values.allSatisfy({ $0 == nil }) { throw failure }
    return values
  }

  private static func best(_ scores: [Double]) -> Int {
    scores.indices.max { (scores[$0], -$0) < (scores[$1], -$1) } ?? 0
  }

  func candidate(_ index: Int) -> RunFolder { study.folder.candidate(fold, index) }

  /// Returns the chosen epoch of a rejected candidate; nil if it diverged.
  private func finalEpoch(of index: Int) throws -> EpochMetrics? {
    let settings = try study.settings(fold, plan.candidates[index])
    guard let history = try? candidate(index).history(), settings.isFinished(history) else { return nil }
    return Self.chosen(history)
  }

  /// Returns the rule by which a candidate chose its epoch.
  private func selection(_ index: Int) throws -> EpochSelection {
    try study.settings(fold, plan.candidates[index]).selection
  }

  private static func chosen(_ history: [EpochMetrics]) -> EpochMetrics? { history.last { $0.best } }

  /// Returns the hashes of the images that a run trains on.
  func dataHashes(of settings: RunConfiguration) throws -> DataHashes {
    if settings.classes == plan.configuration.classes, let known = hashes[settings.scenes] { return known }
    return try DataHashes(study.sites(on: settings.scenes), .all, classes: settings.classes)
  }

  /// Opens the run of a folder.
  ///
  /// - Throws: `StudyError.foreign` if it has other settings.
  func opened(_ folder: RunFolder, _ settings: RunConfiguration) throws -> Run {
    let run = try study.open(folder)
    guard run.configuration == settings else {
      throw StudyError.foreign(folder.url, differences: try settings.changes(from: run.configuration))
    }
    return run
  }

  /// Trains one run to its end, and continues an interrupted run.
  private func train(_ settings: RunConfiguration, _ folder: RunFolder) throws -> [EpochMetrics] {
    let run: Run
    if folder.exists {
      run = try opened(folder, settings)
      try requireSame(run)
    } else {
      run = try Run.create(
        at: folder, settings, data: study.catalog, prompts: study.prompts, clip: study.clip,
        hashes: dataHashes(of: settings))
    }
    // A finished run has no saved state to resume from.
    if !folder.hasState, let history = try? folder.history(), settings.isFinished(history) {
      return history
    }
    let split = try study.split(settings)
    let step = progress.step
    let fold = fold
    return try run.train(
      run.freshSystem(),
      on: TrainingInputs(
        training: inputs.bank(split.training, settings), validation: inputs.bank(split.validation, settings),
        features: inputs.features(settings), target: inputs.target(study.catalog, settings)),
      TrainingProgress(
        { if case .step = $0 { step(fold) } }, shouldStop: progress.shouldStop,
        isReplaced: progress.isReplaced))
  }

  /// Scores the chosen run once, at the held-out site, and writes the result.
  private func score(_ history: [EpochMetrics], chosen: Int) throws -> FoldResult {
    let run = try tuned(study.open(folder))
    let predictor = try run.predictor(device: run.configuration.device, threshold: plan.threshold)
    let features = inputs.features(run.configuration)
    var (polyp, reliability) = (PolypProtocol(), try Reliability())
    let samples = try study.catalog.site(fold.site).testSamples
    let names = run.configuration.segmentsClasses ? run.configuration.maskNames : [nil]
    let images = try samples.flatMap { sample in
      let found = try predictor.assessClasses(
        sample, tolerance: plan.tolerance, spacing: plan.spacing, cached: features?.cached([sample]))
      for part in found { polyp.merge(part.polyp) }
      for part in found { try reliability.merge(part.reliability) }
      return zip(names, found).map { FoldResult.Image(sample, className: $0, scores: $1.scores) }
    }
    let best = Self.chosen(history)
    let candidates = try plan.candidates.enumerated().map { index, settings in
      if plan.hasInnerFolds {
        let scores = try storedScores(index)
        // In the order of the sites, so that the sum is that of the choice.
        let values = scores.map { scores in scores.keys.sorted().compactMap { scores[$0] } } ?? []
        return FoldResult.Candidate(
          settings: settings, validationDice: nil,
          validationScore: values.isEmpty ? nil : values.reduce(0, +) / Double(values.count),
          innerScores: scores)
      }
      let epoch = index == chosen ? best : try finalEpoch(of: index)
      return FoldResult.Candidate(
        settings: settings, validationDice: epoch?.validationDice,
        validationScore: epoch?.score(by: try selection(index)))
    }
    let result = FoldResult(
      site: fold.site, method: fold.arm.name, seed: fold.seed, epoch: best?.epoch ?? 0,
      validationDice: best?.validationDice, validationScore: best?.score(by: run.configuration.selection),
      chosen: plan.candidates[chosen], candidates: candidates,
      threshold: predictor.threshold, precision: predictor.precision, decoding: predictor.decoding,
      seconds: history.reduce(0) { $0 + $1.seconds },
      waited: history.reduce(0) { $0 + $1.waited }, polyp: polyp,
      reliability: reliability, trivial: try run.trivialOverlaps(samples), images: images)
    try folder.write(result, to: study.folder.resultFile(fold))
    // The state has most of the size of a run, and nothing needs it now.
    let places = [folder] + plan.candidates.indices.map(candidate)
    for place in places { try? FileManager.default.removeItem(at: place.stateFile) }
    return result
  }
}
