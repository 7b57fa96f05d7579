import CLIP
import Datasets
import Evaluation
import Foundation
import MCDRL
import Torch

/// Holds every site out in turn, for some methods and seeds; method, section 7.
///
/// The features of a frozen tower that was loaded are encoded once and shared by all folds. Each fold is a run folder of its own,
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
  private let version: String
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
  ///   - workers: folds that are trained side by side. Set libtorch to one thread before: small models gain more from
  ///     each other's company than from several threads for an operator.
  ///   - version: of the software, for the fingerprints.
  /// - Throws: `ConfigurationError` when there are fewer than two sites, or no method or seed.
  public init(
    configuration: RunConfiguration, methods: [Method], seeds: [UInt64], catalog: SiteCatalog,
    clip: @escaping @Sendable (_ seed: UInt64) throws -> CLIPModel, prompts: PromptSet, folder: URL,
    workers: Int = 1, version: String
  ) throws {
    guard catalog.sites.count >= 2 else {
      throw ConfigurationError("\(catalog.folder.path): leaving a site out needs at least two sites")
    }
    guard !methods.isEmpty, !seeds.isEmpty else {
      throw ConfigurationError("at least one method and one seed are needed")
    }
    try configuration.validate()
    try RunAssembly.requireClasses(catalog.sites, prompts, in: catalog.folder)
    self.configuration = configuration
    self.methods = methods
    self.seeds = seeds
    self.catalog = catalog
    self.clip = clip
    self.prompts = prompts
    self.folder = folder
    self.workers = workers
    self.version = version
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
    let samples = catalog.sites.flatMap(\.allSamples)
    let bank = try SampleBank(samples, reader: configuration.reader)
    let hashes = try Fingerprint.data(catalog.sites)
    let shared = try features(bank, progress)
    let folds = folds
    return try concurrentMap(count: folds.count, threads: workers) { index in
      let result = try fold(folds[index], bank, shared, hashes, progress)
      progress.finished(result)
      return result
    }
  }

  /// What the tower makes of all pictures; nil where it is trained, sees changed pictures, differs from seed to seed, or
  /// its features would take too much memory.
  private func features(_ bank: SampleBank, _ progress: Progress) throws -> FeatureStore? {
    guard configuration.keepsFeatures, !configuration.clip.hasPrefix("random:") else { return nil }
    let system = try RunAssembly.fresh(configuration, prompts: prompts, clip: clip(configuration.seed))
    return try FeatureStore(bank, system: system, workers: workers) {
      progress.encoding($0, bank.samples.count)
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

  /// Takes a fold's result from an earlier call with the same settings, words, data and weights, or trains and scores.
  private func fold(
    _ fold: Fold, _ bank: SampleBank, _ features: FeatureStore?, _ hashes: [String: String],
    _ progress: Progress
  ) throws -> FoldResult {
    let (run, settings) = (directory(fold), settings(fold))
    let clip = try clip(fold.seed)
    let system = try RunAssembly.fresh(settings, prompts: prompts, clip: clip)
    let fingerprint = try Fingerprint(data: hashes, system: system, version: version)
    if run.exists {
      try requireSame(run, settings, fingerprint)
      if let data = try? Data(contentsOf: resultFile(fold)),
        let result = try? JSONDecoder().decode(FoldResult.self, from: data)
      {
        return result
      }
    } else {
      try run.create()
      try run.write(prompts, to: run.promptsFile)
      try run.write(ClipDescription(clip), to: run.clipFile)
      try run.write(fingerprint, to: run.fingerprintFile)
      // Last: it makes the folder a run.
      try run.write(settings, to: run.configurationFile)
    }
    return try train(fold, settings, system, bank, features, progress)
  }

  private func requireSame(
    _ run: RunDirectory, _ settings: RunConfiguration, _ fingerprint: Fingerprint
  ) throws {
    let stored = try? JSONDecoder().decode(Fingerprint.self, from: Data(contentsOf: run.fingerprintFile))
    guard try run.configuration() == settings, try PromptSet(contentsOf: run.promptsFile) == prompts,
      stored == fingerprint
    else {
      throw ConfigurationError(
        "\(run.url.path): was run with other settings, words, data, weights or version; choose another --out or "
          + "remove this folder")
    }
  }

  private func train(
    _ fold: Fold, _ settings: RunConfiguration, _ system: SegmentationSystem, _ bank: SampleBank,
    _ features: FeatureStore?, _ progress: Progress
  ) throws -> FoldResult {
    let run = directory(fold)
    let sources = try settings.sources.map(catalog.site)
    let split = try Split(sites: sources, validationShare: settings.validationShare, seed: settings.seed)
    let trainer = try Trainer(
      configuration: settings, system: system, run: run, training: SampleBank(split.training, sharing: bank),
      validation: SampleBank(split.validation, sharing: bank), classes: prompts.classes, features: features,
      resuming: run.hasState)
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
