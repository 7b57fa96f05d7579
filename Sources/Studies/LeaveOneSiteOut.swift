import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch
import Training

/// Leave-one-site-out over some arms and seeds.
///
/// Method, section 7. Images are decoded once and features of the frozen layers are computed once,
/// for all folds. Each fold has its own run folder, `runs/SITE/ARM-SEED`. A fold with a `fold.json`
/// is not trained again; an interrupted fold continues. Folds do not depend on each other, so
/// several may train in parallel with the same results.
public struct LeaveOneSiteOut: Sendable {
  /// One model to train: a held-out site, an arm and a seed.
  public struct Fold: Hashable, Sendable {
    /// The site that is held out.
    public let site: String
    /// The arm.
    public let arm: Arm
    /// The seed.
    public let seed: UInt64
  }

  /// The callbacks of a study.
  public struct Progress: Sendable {
    /// Receives the number of images with encoded features, and their total.
    public var encoding: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    /// Called after each training step of a fold, from its thread.
    public var step: @Sendable (_ fold: Fold) -> Void = { _ in }
    /// Called after a fold, from its thread.
    public var finished: @Sendable (_ result: FoldResult) -> Void = { _ in }
    /// Called when another process has a fold, with its holder as far as it is known.
    package var waiting: @Sendable (_ fold: Fold?, _ holder: ClaimHolder?) -> Void = { _, _ in }
    /// Called after each step; true saves the state and stops.
    public var shouldStop: @Sendable () -> Bool = { false }
    /// Whether another process goes on with the fold, so that this one must write nothing more.
    var isReplaced: @Sendable () -> Bool = { false }

    /// Makes callbacks that do nothing and never stop.
    public init() {}
  }

  /// The settings of training and scoring.
  public let plan: StudyPlan
  /// The sites.
  public let catalog: SiteCatalog
  /// The prompts.
  public let prompts: PromptSet
  /// The folder of the runs.
  package let folder: StudyFolder
  let clip: ClipLoader
  private let methods: MethodRegistry
  let cache: FeatureCache?
  let workers: Int
  let known = KnownHashes()
  /// The intervals of claims, which tests shorten.
  var claimTiming = WorkClaim.Timing.standard

  /// Makes a study from its parts.
  ///
  /// - Parameters:
  ///   - plan: the settings, arms and seeds.
  ///   - catalog: the sites.
  ///   - clip: loads the CLIP model that settings name; each fold has its own, because it may be
  ///     tuned.
  ///   - prompts: the prompts.
  ///   - promptsFile: the file of the prompts, for messages.
  ///   - folder: the folder of the runs.
  ///   - cache: the folder for cached features of the frozen layers; nil runs the whole tower in
  ///     each step.
  ///   - workers: the number of folds that train in parallel. First limit libtorch to one thread:
  ///     small models gain more from parallel folds than from several threads per operator.
  ///   - needsDevice: whether this machine trains folds, so that it needs the device of the plan.
  /// - Throws: `StudyError` or `SettingsError` if there are fewer than two sites, a setting is not
  ///   possible, or the prompts lack something that an arm needs.
  public init(
    _ plan: StudyPlan, catalog: SiteCatalog,
    clip: ClipLoader = ClipLoader(), prompts: PromptSet, promptsFile: URL? = nil, folder: URL,
    cache: FeatureCache? = nil, workers: Int = 1, needsDevice: Bool = true
  ) throws {
    guard catalog.sites.count >= 2 else {
      throw StudyError.tooFewSites(catalog.folder)
    }
    guard catalog.sites.count >= 3 || !plan.hasInnerFolds else {
      throw StudyError.tooFewSources(catalog.folder)
    }
    try plan.validate(needsDevice: needsDevice)
    try RunChecks.requireClasses(catalog.sites, prompts, in: catalog.folder)
    for scenes in try plan.scenes { for site in catalog.sites { _ = try site.training(on: scenes) } }
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

  /// The folds in the order of training.
  public var folds: [Fold] { plan.folds(sites: catalog.sites.map(\.name)) }

  /// Returns the folder of one fold: the run that validation chose.
  package func directory(_ fold: Fold) -> RunFolder { folder.run(fold) }

  /// Counts the remaining steps of all unfinished folds, for a progress bar.
  ///
  /// - Throws: an error that names the unreadable file.
  public func stepsLeft() throws -> Int { try stepsLeft(of: folds) }

  /// Counts the remaining steps of some folds.
  ///
  /// - Throws: an error that names the unreadable file.
  package func stepsLeft(of folds: [Fold]) throws -> Int {
    try folds.filter { stored($0) == nil }.reduce(0) { total, fold in
      // Of the candidates that inner folds compare, one is trained on all sources.
      let runs = try allSettings(fold)
      return try total
        + runs.dropFirst(plan.hasInnerFolds ? plan.candidates.count - 1 : 0).reduce(0) { sum, settings in
          sum + settings.epochs * max(1, try split(settings).training.count / settings.batchSize)
        }
    }
  }

  /// The finished results, in the order of `folds`.
  public var finished: [FoldResult] { finished(of: folds) }

  /// Returns the finished results of some folds, in their order.
  package func finished(of folds: [Fold]) -> [FoldResult] { folds.compactMap(stored) }

  /// A hash of each site's images, masks and stated facts; computing it reads every file.
  public var hashes: [String: String] {
    get throws { try known(.observed, []) { catalog.sites }.sites }
  }

  /// A hash of the weights of the CLIP model, under the first seed.
  ///
  /// If each held-out site has a CLIP model of its own, their hashes follow each other.
  public var weightsHash: String {
    get throws {
      var settings = plan.configuration
      settings.seed = plan.seeds[0]
      let isOfSite = settings.clip?.contains(RunConfiguration.sitePlaceholder) == true
      return try (isOfSite ? catalog.sites.map(\.name) : [nil]).map { site in
        settings.holdOut = site
        return try Fingerprint.hash(of: clip(settings))
      }.joined(separator: " ")
    }
  }

  /// Returns the settings of one run.
  func settings(_ fold: Fold, _ candidate: [String]) throws -> RunConfiguration {
    try plan.settings(fold, candidate, sites: catalog.sites.map(\.name))
  }

  /// Returns the sites with the scenes to train on as their images.
  func sites(on scenes: TrainingScenes) throws -> [Site] {
    try catalog.sites.map { try $0.training(on: scenes) }
  }

  /// Splits the images of the source sites into training and validation.
  func split(_ settings: RunConfiguration) throws -> Split {
    try Split(
      sites: sites(on: settings.scenes).filter { settings.sources.contains($0.name) },
      validationShare: settings.validationShare, seed: settings.seed)
  }

  /// Returns the settings of a candidate's runs that hold out each source site of a fold in turn.
  ///
  /// Words of such a run must know neither of the two sites, so `{site}` stands for both: `a+b`.
  func innerSettings(_ fold: Fold, _ candidate: [String]) throws -> [RunConfiguration] {
    let settings = try settings(fold, candidate)
    return settings.sources.map { site in
      var inner = settings
      inner.holdOut = site
      inner.sources = settings.sources.filter { $0 != site }
      inner.setClip(withholding: [fold.site, site])
      return inner
    }
  }

  /// Returns the settings of every run that a fold trains.
  func allSettings(_ fold: Fold) throws -> [RunConfiguration] {
    let whole = try plan.candidates.map { try settings(fold, $0) }
    guard plan.hasInnerFolds else { return whole }
    return try whole + plan.candidates.flatMap { try innerSettings(fold, $0) }
  }

  /// The CLIP models of runs that withhold two sites, by name, each with these sites.
  ///
  /// It is empty unless folds compare candidates at source sites and the name has a `{site}`.
  package var clipsOfPairs: [(clip: String, sites: [String])] {
    get throws {
      guard plan.hasInnerFolds else { return [] }
      var found: [String: [String]] = [:]
      for fold in folds {
        for candidate in plan.candidates {
          let template = try settings(fold, candidate).clip ?? ""
          guard template.contains(RunConfiguration.sitePlaceholder) else { continue }
          for inner in try innerSettings(fold, candidate) {
            guard let clip = inner.clip, let site = inner.holdOut else { continue }
            found[clip] = [fold.site, site].sorted()
          }
        }
      }
      return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }

  /// Checks that no site that a run withholds taught the words of its CLIP model.
  ///
  /// - Parameter locate: maps the name of a CLIP model to its folder; nil for random weights.
  /// - Throws: `RunError.wordsKnowSite` that names the folder and the site.
  package func requireUnseen(_ locate: (RunConfiguration) throws -> URL?) throws {
    var checked = Set<[String]>()
    for fold in folds {
      for settings in try allSettings(fold) {
        guard let clip = try locate(settings) else { continue }
        for site in [fold.site, settings.holdOut ?? fold.site]
        where checked.insert([clip.path, site]).inserted {
          try WordImages.requireUnseen(catalog.site(site), by: clip)
        }
      }
    }
  }

  /// Opens the run of a fold.
  package func open(_ folder: RunFolder) throws -> Run {
    try Run.open(at: folder.url, methods: methods, clip: clip)
  }

  /// Opens the run of a fold.
  public func run(_ fold: Fold) throws -> Run { try open(directory(fold)) }

  func stored(_ fold: Fold) -> FoldResult? { folder.result(fold, of: plan) }
}

extension StudyPlan {
  /// The scenes that the runs train on, in a fixed order.
  var scenes: [TrainingScenes] {
    get throws {
      let used = try Set(
        arms.flatMap { arm in try candidates.map { try settings(arm, $0).scenes } })
      return TrainingScenes.allCases.filter(used.contains)
    }
  }
}
