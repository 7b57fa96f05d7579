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
  static let summary = "train on all sites but one, which is held out, or a final model on all"
  static let usage =
    "--data DATA --clip CLIP [--hold-out SITE] --out RUN [options] "
    + "| --data DATA --init RUN --out RUN [options] | --out RUN --resume [--epochs N]"
  static let example =
    "mcdrl train --data polypgen --clip random:Configurations/vit-small-p8-128.json "
    + "--hold-out c3 --out runs/c3"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let sharesWork = true

  struct Options: OptionGroup {
    let data = Shared.data.optional("required without --resume")
    let clip = Shared.clip.optional("required without --resume and --init")
    let holdOut = Shared.holdOut.optional("none, for a final model")
    let out = Shared.out("RUN", "the run folder")
    let method = Option.optional(
      "method", "NAME", .arm, otherwise: ArmDefinition.baselineInterventions,
      "one of the methods below, or NAME:KEY=VALUE,… for one of them with other settings")
    let prompts = Shared.prompts
    let settings = SettingOptions()
    let final = FinalModelOptions()
    let resume = Option.flag(
      "resume", "continue an interrupted run with its own settings, or any run with more --epochs")
    let allowLeakage = Shared.allowLeakage
    let timeout = Shared.timeout
    let cache = CacheOptions()
  }

  static var sections: [Help.Section] { [Help.Section.methods] }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    try SharedWork.run(console, on: TrainingTeam.device(arguments), waiting: arguments.timeout) {
      try run(arguments, $0, $1)
    }
  }

  /// Trains together with other processes; the first one writes and prints.
  private static func run(
    _ arguments: Arguments<Options>, _ processes: Processes, _ console: Console
  ) throws {
    let settings = try TrainSettings(arguments)
    let team = TrainingTeam(processes)
    var made: Run?
    try processes.first {
      let run = try prepared(arguments, settings, team, console)
      try describe(run, console)
      made = run
    }
    let run = try processes.together { try made ?? team.opened(arguments) }
    let configuration = run.configuration
    if processes.areSeveral { console.note("\(processes.count) processes share each batch") }
    let kept = try CommandCache(arguments.cache, in: run.folder.url, console)
    CommandCache.advise(configuration, console)
    let log = TrainingLog(configuration, finished: (try? run.history().count) ?? 0, console)
    Interrupt.watch(once: !processes.areSeveral)
    let metrics: [EpochMetrics]
    do {
      metrics = try run.train(
        TrainingProgress(log.report, shouldStop: { Interrupt.requested }), cache: kept.cache,
        processes: processes)
    } catch let error as TrainingError {
      if case .interrupted = error { throw Interruption.training(message: OptionAdvice.message(error)) }
      throw error
    }
    Interrupt.unwatch()
    console.progress("")
    guard processes.isFirst else { return }
    kept.finish()
    try report(metrics, run, console)
  }

  /// Creates the run of the options.
  static func created(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ lock: FolderLock, _ console: Console
  ) throws -> Run {
    let folder = RunFolder(try arguments.out)
    guard !folder.hasState else { throw RunError.exists(folder.url) }
    let data = try arguments.required(\.data)
    let ancestor = try arguments.final.initial.map { try ProjectFiles.run(at: $0) }
    let (prompts, promptsFile) = try Self.prompts(arguments, ancestor)
    let (configuration, model) = try SettingFault.inCommandLine {
      if let ancestor {
        let found = try settings.configuration(continuing: ancestor, data: data, console)
        try ancestor.requireContinuation(found)
        return (configuration: found, model: CLIPModel?.none)
      }
      let found = try settings.configuration(
        clip: arguments.required(\.clip), data: data, isStudy: false, console)
      try RunChecks.requireTower(found.configuration, of: found.model)
      return (configuration: found.configuration, model: found.model)
    }
    var complete = configuration
    if let device = try TrainingTeam.given(arguments) { complete.device = device }
    let epochsFrom = try arguments.final.takeEpochs(for: &complete, console)
    let catalog = try SiteCatalog(at: URL(fileURLWithPath: data), defaultClass: configuration.lesionClass)
    // The images are read below, so what needs none comes first.
    try SettingFault.inCommandLine { try complete.validate() }
    let lists = try arguments.final.lists(catalog)
    if lists != nil, let site = complete.holdOut {
      throw UsageError.conflict(
        "--hold-out \(site)", with: "train-list", reason: "the lists say which images take no part")
    }
    let sources = try SettingFault.inCommandLine { try RunChecks.sources(catalog, complete, lists) }
    try RunChecks.requireClasses(sources, prompts, in: catalog.folder)
    try RunChecks.requireMechanisms(complete, prompts, in: promptsFile?.path ?? "the prompts")
    for setting in try complete.ineffectiveInterventions(prompts) { console.note("note: \(setting)") }
    let leakage = try checkLeakage(arguments, complete, catalog, sources, lists, ancestor, console)
    let run = try Run.create(
      at: folder, complete, data: catalog, lists: lists, prompts: prompts, promptsFile: promptsFile,
      continuing: ancestor, model: model, clip: ProjectFiles.clips, lock: lock)
    try run.record(leakage: leakage, epochsFrom: epochsFrom)
    return run
  }

  /// Returns the prompts of a new run and their file; those of the run that it continues from.
  private static func prompts(
    _ arguments: Arguments<Options>, _ ancestor: Run?
  ) throws -> (prompts: PromptSet, file: URL?) {
    guard let ancestor else { return try ProjectFiles.promptSet(arguments.prompts) }
    if let file = try arguments.prompts {
      let given = try ProjectFiles.promptSet(file).prompts
      guard try given.limited(to: ancestor.configuration.confounders) == ancestor.prompts else {
        throw UsageError.conflict(
          "--prompts \(file)", with: "init", reason: "the words come along with the weights; leave it out")
      }
    }
    return (ancestor.prompts, ancestor.folder.promptsFile)
  }

  /// Checks that no image or patient that is trained on is scored, at another site or in another list.
  ///
  /// - Returns: the result in a few words; nil if nothing is scored.
  private static func checkLeakage(
    _ arguments: Arguments<Options>, _ configuration: RunConfiguration, _ catalog: SiteCatalog,
    _ sources: [Site], _ lists: ImageLists?, _ ancestor: Run?, _ console: Console
  ) throws -> String? {
    let isAllowed = try arguments.allowLeakage
    let limits = configuration.reader.limits
    let scored: [Site]
    var found: String?
    if let lists {
      let result = try DataNotes.leakage(lists, catalog.sites, isAllowed: isAllowed, limits: limits, console)
      console.note("the same patient or picture in two lists: \(result)")
      found = result
      scored = try lists.testSites.compactMap { lists.testing(try catalog.site($0)) }
    } else if let heldOut = try configuration.holdOut.map(catalog.site) {
      let result = try DataNotes.leakage(
        sources + [heldOut], heldOut: [heldOut.name], isAllowed: isAllowed, limits: limits, console)
      console.note("the same patient or picture at the held-out site: \(result)")
      found = result
      scored = [heldOut]
    } else {
      scored = []
    }
    for site in scored where !isAllowed {
      try ancestor?.requireUnseen(site)
      do { try ProjectFiles.requireUnseen(site, configuration) } catch WorkError.noClip(let url)
        where ancestor != nil
      {
        // The weights come from the run, so the folder need not be there.
        console.note(
          "note: \(url.path) is not there, so its words were not searched for images of \(site.name)")
      }
    }
    return found
  }

  /// Opens the run to continue, and rejects options that contradict its settings.
  static func resumed(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ lock: FolderLock, _ console: Console
  ) throws -> Run {
    var more: Int?
    var run = try Run.open(
      at: arguments.out, methods: MCDRLCommand.methods, clip: ProjectFiles.clips, lock: lock
    ) { configuration in
      more = try SettingFault.inCommandLine { try settings.check(resuming: configuration, console) }
      // Data may have moved, and another machine has other devices.
      if let data = try arguments.data { configuration.data = data }
      if let device = try TrainingTeam.given(arguments) { configuration.device = device }
    }
    try run.folder.requireResumable(finished: 0)
    if let file = try arguments.prompts,
      try PromptSet(contentsOf: ProjectFiles.prompts(file)).limited(to: run.configuration.confounders)
        != run.prompts
    {
      throw UsageError.differsFromRun(
        option: "--prompts \(file)", own: "other words, those in \(run.folder.promptsFile.path)")
    }
    try arguments.final.check(resuming: run)
    if let more {
      run = try run.extended(to: more)
      console.note(
        "the run is extended to \(counted(more, "epoch")); after epoch \(run.configuration.restarts.last ?? 0) the "
          + "learning rate begins anew")
    }
    return run
  }

  /// Notes the method and the data of the training.
  private static func describe(_ run: Run, _ console: Console) throws {
    let configuration = run.configuration
    let catalog = try run.catalog()
    let sources = try run.sources(catalog)
    DataNotes.leftOut(catalog, console)
    DataNotes.statements(sources, console)
    try DataNotes.masks(
      sources, limits: configuration.reader.limits, classes: configuration.classes, console)
    let split = try run.split(sources)
    let choice = configuration.model.method
    console.note(
      "\(choice.name): \(split.training.count) training and "
        + counted(split.validation.count, "validation image") + " from "
        + "\(sources.map(\.name).joined(separator: ", "))\(run.lists == nil ? "" : ", by the lists"); "
        + "\(configuration.holdOut ?? "no site") held out")
    if configuration.holdOut == nil, run.lists == nil {
      console.note(
        "note: a final model: no site is held out, so no score of this run says how it does at a new one; "
          + "mcdrl loso does")
    }
    let consequence =
      choice.traits.needsClasses
      ? "skips its loss terms that need one"
      : choice.traits.averagesClasses ? "takes the mean of all classes in its loss terms" : nil
    let hasWords =
      split.training.contains { $0.lesionClass != nil }
      || configuration.segmentsClasses && configuration.classes.contains(where: run.prompts.classes.contains)
    if let consequence, !hasWords {
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
      score == 0 && configuration.averaging != .swad && configuration.selection != .last
      ? "; no epoch scores more than 0, so it is the last one" : ""
    let stop =
      metrics.last?.stopped == true && configuration.hasStopped(metrics)
      ? "; stopped early after epoch \(metrics.count) of \(configuration.epochs), "
        + "\(counted(configuration.patience, "epoch")) without a better score" : ""
    return "\(epoch), validation Dice\(place) \(format(score)) (\(configuration.weightsRule)\(tie))\(stop)"
  }

  private static func report(_ metrics: [EpochMetrics], _ run: Run, _ console: Console) throws {
    if console.json {
      try console.result(json: metrics)
    } else {
      console.result(
        choice(metrics, run.configuration) + "; weights in \(run.folder.weightsFile.path)")
      if let tuning = try MaskTuning.stored(in: run.folder) {
        console.result(
          "chosen masks: a pixel is lesion from \(tuning.chosen.rule.rule); "
            + "validation score \(format(tuning.chosen.score))")
      }
    }
    guard let validation = try ValidationReport.stored(in: run.folder) else { return }
    let name = run.configuration.model.method.name
    if !console.json { console.result(ScoreTables.text(validation, model: name)) }
    for finding in validation.findings(name) {
      if console.json { console.note("note: \(finding)") } else { console.result(finding) }
    }
  }
}
