import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import Torch
import Training

/// The command `mcdrl train`.
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
      "method", "NAME", .arm, otherwise: ArmDefinition.mcdrl,
      "one of the methods below, or NAME:KEY=VALUE,… for one of them with other settings")
    let prompts = Shared.prompts
    let settings = SettingOptions()
    let resume = Option.flag("resume", "continue an interrupted run with its own settings")
    let allowLeakage = Shared.allowLeakage
    let cache = CacheOptions()
  }

  static var sections: [Help.Section] { [Help.Section.methods] }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let settings = try TrainSettings(arguments)
    let out = try arguments.out
    // Only a run can be resumed, so nothing is made for one that does not exist.
    guard try !arguments.resume || RunFolder(out).exists else { throw RunError.notARun(out) }
    let lock = try OutputFolder.lock(out, console)
    let run =
      try arguments.resume
      ? resumed(arguments, settings, lock, console) : created(arguments, settings, lock, console)
    let configuration = run.configuration
    try describe(run, console)
    let kept = try CommandCache(arguments.cache, in: run.folder.url, console)
    CommandCache.advise(configuration, console)
    let log = TrainingLog(configuration, finished: (try? run.history().count) ?? 0, console)
    Interrupt.watch()
    let metrics: [EpochMetrics]
    do {
      metrics = try run.train(
        TrainingProgress(log.report, shouldStop: { Interrupt.requested }), cache: kept.cache)
    } catch let error as TrainingError {
      if case .interrupted = error { throw Interruption.training(message: OptionAdvice.message(error)) }
      throw error
    }
    Interrupt.unwatch()
    console.progress("")
    kept.finish()
    try report(metrics, run, console)
  }

  /// Creates the run of the options.
  private static func created(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ lock: FolderLock, _ console: Console
  ) throws -> Run {
    let folder = RunFolder(try arguments.out)
    guard !folder.hasState else { throw RunError.exists(folder.url) }
    let (data, clip) = (try arguments.required(\.data), try arguments.required(\.clip))
    _ = try arguments.required(\.holdOut)
    let (prompts, promptsFile) = try ProjectFiles.promptSet(arguments.prompts)
    let (configuration, model) = try SettingFault.inCommandLine {
      let found = try settings.configuration(clip: clip, data: data, console)
      try RunChecks.requireTower(found.configuration, of: found.model)
      return found
    }
    var complete = configuration
    if let device = try arguments.common.given(\.device) { complete.device = device }
    let catalog = try SiteCatalog(at: URL(fileURLWithPath: data), defaultClass: configuration.lesionClass)
    // The images are read below, so what needs none comes first.
    try SettingFault.inCommandLine { try complete.validate() }
    let sources = try RunChecks.sources(catalog, complete)
    try RunChecks.requireClasses(sources, prompts, in: catalog.folder)
    try RunChecks.requireMechanisms(complete, prompts, in: promptsFile?.path ?? "the prompts")
    for setting in try complete.ineffectiveInterventions(prompts) { console.note("note: \(setting)") }
    let heldOut = try complete.holdOut.map(catalog.site)
    let leakage = try DataNotes.leakage(
      sources + [heldOut].compactMap { $0 }, heldOut: [heldOut?.name].compactMap { $0 },
      isAllowed: arguments.allowLeakage, limits: complete.reader.limits, console)
    console.note("the same patient or picture at the held-out site: \(leakage)")
    if try !arguments.allowLeakage, let heldOut { try ProjectFiles.requireUnseen(heldOut, complete) }
    let run = try Run.create(
      at: folder, complete, data: catalog, prompts: prompts, promptsFile: promptsFile, model: model,
      clip: ProjectFiles.clips, lock: lock)
    try run.record(leakage: leakage)
    return run
  }

  /// Opens the run to continue, and rejects options that contradict its settings.
  private static func resumed(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ lock: FolderLock, _ console: Console
  ) throws -> Run {
    let run = try Run.open(
      at: arguments.out, methods: MCDRLCommand.methods, clip: ProjectFiles.clips, lock: lock
    ) { configuration in
      try SettingFault.inCommandLine { try settings.check(resuming: configuration, console) }
      // Data may have moved, and another machine has other devices.
      if let data = try arguments.data { configuration.data = data }
      if let device = try arguments.common.given(\.device) { configuration.device = device }
    }
    try run.folder.requireResumable(finished: 0)
    if let file = try arguments.prompts,
      try PromptSet(contentsOf: ProjectFiles.prompts(file)).limited(to: run.configuration.confounders)
        != run.prompts
    {
      throw UsageError.differsFromRun(
        option: "--prompts \(file)", own: "other words, those in \(run.folder.promptsFile.path)")
    }
    return run
  }

  /// Notes the method and the data of the training.
  private static func describe(_ run: Run, _ console: Console) throws {
    let configuration = run.configuration
    let catalog = try run.catalog()
    let sources = try RunChecks.sources(catalog, configuration)
    DataNotes.leftOut(catalog, console)
    try DataNotes.masks(sources, limits: configuration.reader.limits, console)
    let split = try run.split(sources)
    let choice = configuration.model.method
    console.note(
      "\(choice.name): \(split.training.count) training and "
        + counted(split.validation.count, "validation image") + " from "
        + "\(sources.map(\.name).joined(separator: ", ")); \(configuration.holdOut ?? "no site") held out")
    let consequence =
      choice.traits.needsClasses
      ? "skips its loss terms that need one"
      : choice.traits.averagesClasses ? "takes the mean of all classes in its loss terms" : nil
    if let consequence, !split.training.contains(where: { $0.lesionClass != nil }) {
      console.note(
        "note: no image has a lesion class, so \(choice.name) \(consequence). "
          + "State classes in sites.json5, or one for all images with --set lesionClass=polyp.")
    }
  }

  /// Describes the chosen epoch, with the score that chose it and the rule.
  static func choice(_ metrics: [EpochMetrics], _ configuration: RunConfiguration) -> String {
    let chosen = metrics.last { $0.best }
    let (epoch, score) = ("chosen: epoch \(chosen?.epoch ?? 0)", chosen?.score(by: configuration.selection))
    guard let score else {
      return "\(epoch), validation Dice \(format(chosen?.validationDice)) "
        + "(the last epoch: no score to choose by)"
    }
    let place = configuration.selection == .dice ? "" : " where marked"
    let tie =
      score == 0 && configuration.averaging != .swad
      ? "; no epoch scores more than 0, so it is the last one" : ""
    return "\(epoch), validation Dice\(place) \(format(score)) (\(configuration.weightsRule)\(tie))"
  }

  private static func report(_ metrics: [EpochMetrics], _ run: Run, _ console: Console) throws {
    if console.json {
      try console.result(json: metrics)
    } else {
      console.result(
        choice(metrics, run.configuration) + "; weights in \(run.folder.weightsFile.path)")
    }
    guard let validation = try ValidationReport.stored(in: run.folder) else { return }
    let name = run.configuration.model.method.name
    if !console.json { console.result(ScoreTables.text(validation, model: name)) }
    for finding in validation.findings(name) {
      if console.json { console.note("note: \(finding)") } else { console.result(finding) }
    }
  }
}
