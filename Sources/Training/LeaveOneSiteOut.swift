import CLIP
import Datasets
import Evaluation
import Foundation
import MCDRL
import Torch

/// Holds every site out in turn, for some methods and seeds; method, section 7.
///
/// A frozen tower's features are encoded once and shared by all folds. Each fold is a run folder of its own,
/// `runs/SITE/METHOD-SEED`; a fold whose evaluation is written is not trained again, one that was interrupted goes on.
/// Folds do not depend on each other, so several may be trained side by side with the same results.
public struct LeaveOneSiteOut: Sendable {
  /// One model to train: which site is held out, by which method, from which seed.
  public struct Fold: Hashable, Sendable {
    /// The site that is held out.
    public let site: String
    /// The method.
    public let method: Method
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

  private let configuration: RunConfiguration
  private let methods: [Method]
  private let seeds: [UInt64]
  private let catalog: SiteCatalog
  private let clip: @Sendable (_ seed: UInt64) throws -> CLIPModel
  private let workers: Int
  private let prompts: PromptSet
  private let folder: URL

  /// Describes the folds.
  ///
  /// - Parameters:
  ///   - configuration: the settings of every fold, but for held-out site, method and seed.
  ///   - methods: the methods to compare.
  ///   - seeds: the seeds of each.
  ///   - catalog: the sites.
  ///   - clip: loads the CLIP model that the settings name; each fold has one of its own, for it may be tuned.
  ///   - prompts: the words.
  ///   - folder: where run folders go.
  ///   - workers: folds that are trained side by side; set libtorch's threads to one when these are as many as cores.
  /// - Throws: `ConfigurationError` when there are fewer than two sites, or no method or seed.
  public init(
    configuration: RunConfiguration, methods: [Method], seeds: [UInt64], catalog: SiteCatalog,
    clip: @escaping @Sendable (_ seed: UInt64) throws -> CLIPModel, prompts: PromptSet, folder: URL,
    workers: Int = 1
  ) throws {
    guard catalog.sites.count >= 2 else {
      throw ConfigurationError("\(catalog.folder.path): leaving a site out needs at least two sites")
    }
    guard !methods.isEmpty, !seeds.isEmpty else {
      throw ConfigurationError("at least one method and one seed are needed")
    }
    try configuration.validate()
    self.configuration = configuration
    self.methods = methods
    self.seeds = seeds
    self.catalog = catalog
    self.clip = clip
    self.prompts = prompts
    self.folder = folder
    self.workers = workers
  }

  /// The folds in the order in which they are trained.
  public var folds: [Fold] {
    catalog.sites.flatMap { site in
      seeds.flatMap { seed in methods.map { Fold(site: site.name, method: $0, seed: seed) } }
    }
  }

  /// The folder of one fold.
  public func directory(_ fold: Fold) -> RunDirectory {
    RunDirectory(
      folder.appendingPathComponent("runs/\(fold.site)/\(fold.method.rawValue)-\(fold.seed)"))
  }

  /// Trains and scores every fold.
  ///
  /// - Returns: the scores of every fold, in the order of `folds`.
  /// - Throws: `TrainingError.interrupted` when it is asked to stop, or an error that names the file or setting.
  public func run(_ progress: Progress = Progress()) throws -> [FoldResult] {
    let samples = catalog.sites.flatMap { $0.samples + ($0.testSamples == $0.samples ? [] : $0.testSamples) }
    let bank = try SampleBank(samples, reader: configuration.reader)
    var features: FeatureStore?
    // Random towers differ from seed to seed; a tower from files is the same for all.
    if configuration.keepsFeatures, !configuration.clip.hasPrefix("random:"),
      try !folds.allSatisfy({ try finished($0) != nil })
    {
      let system = try RunAssembly.fresh(configuration, prompts: prompts, clip: clip(configuration.seed))
      features = try FeatureStore(bank, system: system) { progress.encoding($0, samples.count) }
    }
    let (folds, shared) = (folds, features)
    return try concurrentMap(count: folds.count, threads: workers) { index in
      let result = try finished(folds[index]) ?? train(folds[index], bank, shared, progress)
      progress.finished(result)
      return result
    }
  }

  private func settings(_ fold: Fold) -> RunConfiguration {
    var settings = configuration
    settings.holdOut = fold.site
    settings.sources = catalog.sites.map(\.name).filter { $0 != fold.site }
    settings.model.method = fold.method
    settings.seed = fold.seed
    return settings
  }

  private func resultFile(_ fold: Fold) -> URL {
    directory(fold).url.appendingPathComponent("fold.json")
  }

  /// The result of a fold that was finished earlier with the same settings.
  private func finished(_ fold: Fold) throws -> FoldResult? {
    guard let data = try? Data(contentsOf: resultFile(fold)),
      let result = try? JSONDecoder().decode(FoldResult.self, from: data)
    else { return nil }
    try requireSameSettings(fold)
    return result
  }

  private func requireSameSettings(_ fold: Fold) throws {
    guard try directory(fold).configuration() == settings(fold) else {
      throw ConfigurationError(
        "\(directory(fold).url.path): was run with other settings; choose another --out or remove this folder"
      )
    }
  }

  private func train(
    _ fold: Fold, _ bank: SampleBank, _ features: FeatureStore?, _ progress: Progress
  ) throws -> FoldResult {
    let (run, settings) = (directory(fold), settings(fold))
    let sources = try settings.sources.map(catalog.site)
    let clip = try clip(fold.seed)
    let system = try RunAssembly.fresh(settings, prompts: prompts, clip: clip)
    let resuming = run.exists && run.hasState
    if resuming {
      try requireSameSettings(fold)
    } else {
      try run.create()
      try run.write(prompts, to: run.promptsFile)
      try run.write(ClipDescription(clip), to: run.clipFile)
      try run.write(settings, to: run.configurationFile)
    }
    let split = try Split(sites: sources, validationShare: settings.validationShare, seed: settings.seed)
    let trainer = try Trainer(
      configuration: settings, system: system, run: run, training: SampleBank(split.training, sharing: bank),
      validation: SampleBank(split.validation, sharing: bank), classes: prompts.classes, features: features,
      resuming: resuming)
    var training = TrainingProgress()
    let step = progress.step
    training.step = { _, _, _, _ in step(fold) }
    training.shouldStop = progress.shouldStop
    let history = try trainer.train(training)

    let (trained, _) = try RunAssembly.trained(run)
    let segmenter = Segmenter(trained, reader: settings.reader)
    let scores = try catalog.site(fold.site).testSamples.map { sample in
      FoldResult.Image(
        image: sample.id, group: sample.group, lesionClass: sample.lesionClass,
        scores: try segmenter.scores(
          sample, tolerance: 2, encoded: features?.encoded([sample])))
    }
    let chosen = history.last { $0.best }
    let result = FoldResult(
      site: fold.site, method: fold.method.rawValue, seed: fold.seed, epoch: chosen?.epoch ?? 0,
      validationDice: chosen?.validationDice, seconds: history.reduce(0) { $0 + $1.seconds }, images: scores)
    try run.write(result, to: resultFile(fold))
    return result
  }
}
