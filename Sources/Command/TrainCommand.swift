import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Studies
import Torch
import Training

/// `mcdrl train`.
enum TrainCommand: Subcommand {
  static let name = "train"
  static let summary = "train on all sites but one, which is held out"
  static let usage = "--data DATA --clip CLIP --hold-out SITE --out RUN [options] | --out RUN --resume"
  static let example =
    "mcdrl train --data polypgen --clip random:Configurations/vit-small-p8-128.json "
    + "--hold-out c3 --out runs/c3"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()

  struct Options: OptionGroup {
    let data = Shared.data.optional("required without --resume")
    let clip = Shared.clip.optional("required without --resume")
    let holdOut = Shared.holdOut.optional("required without --resume")
    let out = Shared.out("RUN", "the run folder")
    let method = Option.optional(
      "method", "NAME", .arm, otherwise: Arm(RunConfiguration().model.method),
      "one of the methods below, or NAME:KEY=VALUE,… for one of them with other settings")
    let prompts = Shared.prompts
    let settings = SettingOptions()
    let resume = Option.flag("resume", "continue an interrupted run with its own settings")
    let cache = CacheOptions()
  }

  static let sections = [Help.Section.methods]

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let run = RunDirectory(try arguments.out)
    let resuming = try arguments.resume
    let settings = try TrainSettings(arguments)
    var configuration = resuming ? try run.configuration() : try fresh(arguments, settings, run)
    if resuming {
      try settings.check(resuming: configuration)
      try run.requireResumable(finished: 0)
    }
    // Data may have moved, and another machine has other devices.
    if let data = try arguments.data { configuration.data = data }
    if let device = try arguments.common.given(\.device) { configuration.device = device }
    let promptsFile = try resuming ? run.promptsFile : ProjectFiles.prompts(arguments.prompts)
    let prompts = try PromptSet(contentsOf: promptsFile)
    if resuming, let file = try arguments.prompts,
      try PromptSet(contentsOf: ProjectFiles.prompts(file)).limited(to: configuration.confounders) != prompts
    {
      throw UsageError.differsFromRun(
        option: "--prompts \(file)", own: "other words, those in \(run.promptsFile.path)")
    }
    let clip = try CLIPModel.load(ProjectFiles.clip(configuration.clip), seed: configuration.seed)
    if configuration.imageSize == 0 { configuration.imageSize = clip.configuration.vision.imageSize }
    try configuration.validate()
    let catalog = try SiteCatalog(
      URL(fileURLWithPath: configuration.data),
      defaultClass: configuration.lesionClass.isEmpty ? nil : configuration.lesionClass)
    let sources = try sourceSites(catalog, &configuration)
    try RunAssembly.requireClasses(sources, prompts, in: catalog.folder)
    try RunAssembly.requireMechanisms(configuration, prompts, in: promptsFile.path)
    let split = try Split(
      sites: sources, validationShare: configuration.validationShare, seed: configuration.seed)
    let system = try RunAssembly.fresh(configuration, prompts: prompts, clip: clip)

    // The description follows from the CLIP model, so a damaged file can be written again.
    if resuming, (try? ClipDescription(run)) == nil { try run.write(ClipDescription(clip), to: run.clipFile) }
    if !resuming {
      try run.create()
      try run.write(prompts.limited(to: configuration.confounders), to: run.promptsFile)
      try run.write(ClipDescription(clip), to: run.clipFile)
      try run.write(
        Fingerprint(sites: sources, system: system, version: MCDRLCommand.version), to: run.fingerprintFile)
      // This file makes the folder a run, so it is written last: --resume works from here on.
      try run.write(configuration, to: run.configurationFile)
    }
    console.note(
      "\(configuration.model.method): \(split.training.count) training and "
        + "\(split.validation.count) validation images from \(sources.map(\.name).joined(separator: ", ")); "
        + "\(configuration.holdOut) held out")
    let method = configuration.model.method
    if method.selectsRegions || method.intervenes, !split.training.contains(where: { $0.lesionClass != nil })
    {
      console.note(
        "note: no image has a lesion class, so MCDRL skips L_causal and L_contrast. "
          + "State classes in sites.json5, or one for all images with --set lesionClass=polyp.")
    }
    let reader = configuration.reader
    let training = try bank(split.training, reader, "reading", console)
    let validation = try bank(split.validation, reader, "reading validation", console)
    let all = SampleBank(training.samples + validation.samples, sharing: training, validation)
    let words = try prompts.limited(to: configuration.confounders)
    let kept = try CommandCache(arguments.cache, in: run.url, console)
    CommandCache.advise(configuration, console)
    let features = try features(all, training, words, system, configuration, kept.cache, console)
    let trainer = try Trainer(
      configuration: configuration, system: system, run: run, training: training, validation: validation,
      prompts: words, features: features, resuming: resuming && run.hasState)
    try run.requireResumable(finished: trainer.history.count)
    // It was measured on weights that this training replaces.
    try? FileManager.default.removeItem(at: run.precisionFile)
    Interrupt.watch()
    let metrics: [EpochMetrics]
    do {
      metrics = try trainer.train(progress(trainer, configuration, console))
    } catch let error as TrainingError {
      if case .interrupted = error { throw Interruption.training(message: "\(error)") }
      throw error
    }
    Interrupt.unwatch()
    kept.finish()
    try report(metrics, run, console)
    try checkPrecision(run, validation, configuration, console)
  }

  /// Measures Dice on the validation images in each arithmetic of inference.
  ///
  /// A run is complete without it.
  private static func checkPrecision(
    _ run: RunDirectory, _ validation: SampleBank, _ configuration: RunConfiguration, _ console: Console
  ) throws {
    guard !validation.samples.isEmpty, configuration.device == .cpu else { return }
    console.progress("measuring the arithmetic of inference on \(validation.samples.count) validation images")
    defer { console.progress("") }
    do {
      let check = try PrecisionCheck(run, validation: validation, batchSize: configuration.batchSize)
      try run.write(check, to: run.precisionFile)
    } catch {
      console.note(
        "note: \(error); the arithmetic of inference was not measured, predict computes as trained")
    }
  }

  private static func fresh(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ run: RunDirectory
  ) throws -> RunConfiguration {
    guard !run.hasState else {
      throw ConfigurationError(
        "\(run.url.path): holds a run already; continue it with --resume or choose another --out")
    }
    var configuration = RunConfiguration()
    configuration.imageSize = 0
    try TrainSettings.adapt(&configuration, toClip: arguments.required(\.clip))
    configuration.data = try arguments.required(\.data)
    configuration.holdOut = try arguments.required(\.holdOut)
    try settings.apply(to: &configuration)
    return configuration
  }

  private static func sourceSites(
    _ catalog: SiteCatalog, _ configuration: inout RunConfiguration
  ) throws -> [Site] {
    let heldOut = try catalog.site(configuration.holdOut)
    if configuration.sources.isEmpty {
      configuration.sources = catalog.sites.map(\.name).filter { $0 != heldOut.name }
    }
    guard !configuration.sources.contains(heldOut.name) else {
      throw ConfigurationError("sources: the held-out site \(heldOut.name) must not be among them")
    }
    let sources = try configuration.sources.map(catalog.site)
    guard !sources.isEmpty else {
      throw ConfigurationError("\(catalog.folder.path): there is no site to train on besides \(heldOut.name)")
    }
    return sources
  }

  private static func bank(
    _ samples: [Sample], _ reader: SampleReader, _ label: String, _ console: Console
  ) throws -> SampleBank {
    let bar = ProgressBar(label, total: samples.count)
    return try SampleBank(samples, reader: reader) { done in
      if done % 20 == 0 { console.progress(bar.line(done, unit: "images")) }
    }
  }

  /// Caches the features of frozen layers that see the same pictures in every epoch.
  ///
  /// - Returns: nil when there are no such layers, or the features do not fit the cache.
  private static func features(
    _ bank: SampleBank, _ training: SampleBank, _ prompts: PromptSet, _ system: SegmentationSystem,
    _ configuration: RunConfiguration, _ cache: FeatureCache, _ console: Console
  ) throws -> FeatureStore? {
    guard configuration.keepsFeatures else { return nil }
    defer { console.progress("") }
    return try FeatureStore(
      bank, drawing: training, configuration, prompts, system: system, cache: cache,
      workers: Machine.threads
    ) { console.progress("encoding \($0)/\($1) pictures") }
  }

  private static func progress(
    _ trainer: Trainer, _ configuration: RunConfiguration, _ console: Console
  ) -> TrainingProgress {
    let bar = ProgressBar(
      "training", total: (configuration.epochs - trainer.history.count) * trainer.stepsPerEpoch)
    let (first, stepsPerEpoch) = (trainer.history.count, trainer.stepsPerEpoch)
    var progress = TrainingProgress()
    progress.step = { epoch, step, steps, loss in
      let done = (epoch - 1 - first) * steps + step
      console.progress(
        bar.line(done, unit: "steps", "epoch \(epoch)/\(configuration.epochs) loss \(format(loss))"))
    }
    progress.epoch = { metrics, epochs in
      console.note(
        "epoch \(metrics.epoch)/\(epochs) loss \(format(metrics.loss)) seg \(format(metrics.segmentation)) "
          + terms(metrics) + "validation Dice \(format(metrics.validationDice))\(metrics.best ? " *" : "") "
          + "\(format(metrics.seconds, 1)) s\(waiting(metrics.waited, of: metrics.seconds))"
          + bar.left((metrics.epoch - first) * stepsPerEpoch))
    }
    progress.shouldStop = { Interrupt.requested }
    return progress
  }

  /// The terms of the loss beside L_seg, as far as the epoch's steps had them.
  private static func terms(_ metrics: EpochMetrics) -> String {
    [
      ("causal", metrics.causal), ("contrast", metrics.contrast), ("invariance", metrics.invariance),
      ("attention", metrics.attention), ("penalty", metrics.penalty),
    ].compactMap { name, value in value.map { "\(name) \(format($0)) " } }.joined()
  }

  private static func report(_ metrics: [EpochMetrics], _ run: RunDirectory, _ console: Console) throws {
    let chosen = metrics.last { $0.best }
    if console.json {
      try console.result(json: metrics)
    } else {
      console.result(
        "chosen: epoch \(chosen?.epoch ?? 0), validation Dice \(format(chosen?.validationDice)) "
          + "(highest on the source sites' validation split); weights in \(run.weightsFile.path)")
    }
  }
}
