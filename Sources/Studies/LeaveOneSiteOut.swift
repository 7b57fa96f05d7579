import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Torch
import Training

/// Holds every site out in turn, for some arms and seeds; method, section 7.
///
/// Images are decoded once and what frozen layers make of them is encoded once, for all folds. Each fold is a run folder of
/// its own, `runs/SITE/ARM-SEED`; a fold whose `fold.json` is written is not trained again, one that was interrupted goes
/// on. Folds do not depend on each other, so several may be trained side by side with the same results.
public struct LeaveOneSiteOut: Sendable {
  /// One model to train: which site is held out, which arm, from which seed.
  public struct Fold: Hashable, Sendable {
    /// The site that is held out.
    public let site: String
    /// The arm.
    public let arm: Arm
    /// The seed.
    public let seed: UInt64
  }

  /// What is told while it works.
  public struct Progress: Sendable {
    /// Pictures whose features are encoded, of all.
    public var encoding: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    /// After each step of a fold that is trained, from its thread.
    public var step: @Sendable (_ fold: Fold) -> Void = { _ in }
    /// After a fold, from its thread.
    public var finished: @Sendable (_ result: FoldResult) -> Void = { _ in }
    /// Asked after each step; true saves the state and stops.
    public var shouldStop: @Sendable () -> Bool = { false }

    /// Says nothing and never stops.
    public init() {}
  }

  /// What is trained and how it is scored.
  public let plan: StudyPlan
  /// The sites.
  public let catalog: SiteCatalog
  /// The words.
  public let prompts: PromptSet
  /// Where run folders go.
  package let folder: StudyFolder
  let clip: ClipLoader
  private let methods: MethodRegistry
  private let cache: FeatureCache?
  private let workers: Int

  /// Describes the folds.
  ///
  /// - Parameters:
  ///   - plan: the settings, arms and seeds.
  ///   - catalog: the sites.
  ///   - clip: loads the CLIP model that settings name; each fold has one of its own, for it may be tuned.
  ///   - prompts: the words.
  ///   - promptsFile: where these were read, for messages.
  ///   - folder: where run folders go.
  ///   - cache: where what frozen layers make of images is kept; nil runs the whole tower in each step.
  ///   - workers: folds that are trained side by side. Set libtorch to one thread before: small models gain more from
  ///     each other's company than from several threads for an operator.
  /// - Throws: `StudyError` or `SettingsError` when there are fewer than two sites, a setting is not possible, or the words lack what
  ///   an arm needs.
  public init(
    _ plan: StudyPlan, catalog: SiteCatalog,
    clip: ClipLoader = ClipLoader(), prompts: PromptSet, promptsFile: URL? = nil, folder: URL,
    cache: FeatureCache? = nil, workers: Int = 1
  ) throws {
    guard catalog.sites.count >= 2 else {
      throw StudyError.tooFewSites(catalog.folder)
    }
    try plan.validate()
    try RunChecks.requireClasses(catalog.sites, prompts, in: catalog.folder)
    for arm in plan.arms {
      for candidate in plan.candidates {
        try RunChecks.requireMechanisms(
          plan.settings(arm, candidate), prompts, in: promptsFile?.path ?? "the prompts", arm: arm.name)
      }
    }
    self.plan = plan
    self.catalog = catalog
    self.clip = clip
    methods = plan.configuration.methods
    self.prompts = prompts
    self.folder = StudyFolder(folder)
    self.cache = cache
    self.workers = workers
  }

  /// The folds in the order in which they are trained.
  public var folds: [Fold] { plan.folds(sites: catalog.sites.map(\.name)) }

  /// The folder of one fold: the run that validation chose.
  package func directory(_ fold: Fold) -> RunFolder { folder.run(fold) }

  /// Steps that remain, over all folds that are not finished; for a progress bar.
  ///
  /// - Throws: an error that names what cannot be read.
  public func stepsLeft() throws -> Int {
    try folds.filter { stored($0) == nil }.reduce(0) { total, fold in
      let split = try split(fold, plan.settings(fold.arm, []))
      return try total
        + plan.candidates.reduce(0) { sum, candidate in
          let settings = try plan.settings(fold.arm, candidate)
          return sum + settings.epochs * max(1, split.training.count / settings.batchSize)
        }
    }
  }

  /// The results that are finished, in the order of `folds`.
  public var finished: [FoldResult] { folds.compactMap(stored) }

  /// Trains and scores every fold.
  ///
  /// - Returns: the scores of every fold, in the order of `folds`.
  /// - Throws: `TrainingError.interrupted` when it is asked to stop, or an error that names the file or setting.
  public func run(_ progress: Progress = Progress()) throws -> [FoldResult] {
    let folds = folds
    let hashes = try hashes
    // What is finished needs no images. Otherwise all folds are asked, so that what is kept does not depend on what is left.
    let isDone = folds.allSatisfy { stored($0) != nil }
    let settings = try (isDone ? [] : folds).flatMap { fold in
      try plan.candidates.map { try self.settings(fold, $0) }
    }
    let inputs = try StudyInputs(
      settings, samples: catalog.sites.flatMap(\.allSamples),
      sources: catalog.sites.flatMap(\.samples), clip: clip, prompts: prompts,
      cache: cache, workers: workers, progress: progress.encoding)
    return try concurrentMap(count: folds.count, threads: workers) { index in
      let run = FoldRun(
        study: self, fold: folds[index], inputs: inputs, hashes: hashes, progress: progress)
      let result = try run.result()
      progress.finished(result)
      return result
    }
  }

  /// A hash of each site's images and masks and what is stated of them; reads every file.
  public var hashes: [String: String] {
    get throws { try Fingerprint.data(catalog.sites) }
  }

  /// A hash of the CLIP model's weights, under the first seed.
  public var weightsHash: String {
    get throws {
      var settings = plan.configuration
      settings.seed = plan.seeds[0]
      return try Fingerprint.hash(of: clip(settings))
    }
  }

  /// The settings of one run.
  func settings(_ fold: Fold, _ candidate: [String]) throws -> RunConfiguration {
    try plan.settings(fold, candidate, sites: catalog.sites.map(\.name))
  }

  /// The source sites' images, divided into those that are trained on and those that choose.
  func split(_ fold: Fold, _ settings: RunConfiguration) throws -> Split {
    try Split(
      sites: catalog.sites.filter { $0.name != fold.site }, validationShare: settings.validationShare,
      seed: fold.seed)
  }

  /// Opens the run of a fold.
  package func open(_ folder: RunFolder) throws -> Run {
    try Run.open(at: folder.url, methods: methods, clip: clip)
  }

  /// Opens the run of a fold.
  public func run(_ fold: Fold) throws -> Run { try open(directory(fold)) }

  func stored(_ fold: Fold) -> FoldResult? { folder.result(fold, of: plan) }
}
