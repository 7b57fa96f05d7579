import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Storage
import Studies
import Torch
import Training

/// A study that runs and writes its results, for `mcdrl loso` and `mcdrl ablate`.
struct StudyRunner {
  /// The number of threads of one operator.
  ///
  /// A small model gains more from folds in parallel than from more threads.
  private static let threads = 1
  /// The common options of studies.
  static var common: CommonOptions { CommonOptions(threads: "\(threads)", choosesDevice: true) }

  private let plan: StudyPlan
  private let arguments: Arguments<StudyOptions>
  private let console: Console
  private let defaultPrompts: String?

  /// Prepares a study.
  ///
  /// - Parameters:
  ///   - plan: the methods, seeds and settings.
  ///   - arguments: the options of the command.
  ///   - console: receives progress and results.
  ///   - prompts: the project's prompt file that is used without `--prompts`; nil for the standard
  ///     one.
  init(
    _ plan: StudyPlan, _ arguments: Arguments<StudyOptions>, _ console: Console, prompts: String? = nil
  ) {
    self.plan = plan
    self.arguments = arguments
    self.console = console
    defaultPrompts = prompts
  }

  /// Trains and scores the missing folds, and writes the results.
  ///
  /// - Throws: `Interruption` after Ctrl-C, or an error that names the file or option.
  func run() throws {
    let start = Date()
    let folder = try arguments.out
    if try arguments.common.threads == nil { try Machine.setThreads(Self.threads) }
    let lock = try OutputFolder.lock(folder, console)
    defer { withExtendedLifetime(lock) {} }
    try Self.refuseForeign(folder, unless: "study.json")
    let kept = try CommandCache(arguments.cache, in: folder, console)
    CommandCache.advise(plan.configuration, console)
    let study = try study(in: folder, kept.cache)
    try requireWords(study)
    var writer = StudyWriter(folder: folder, record: try record(study, leakage: checked(study)))
    // An earlier record stays until its folds are known to belong to this plan, too.
    if !FileManager.default.fileExists(atPath: StudyWriter.recordFile(folder).path) {
      try writer.writeRecord()
    }
    if let earlier = try? StudyWriter(reading: folder).record.plan { noteLeftOut(earlier) }
    let folds = try Self.train(study, workers: arguments.workers, console)
    console.note("computing figures, intervals and the report")
    try writer.figures(folds, study.catalog, kept.cache, console)
    kept.finish()
    writer.record.seconds += Date().timeIntervalSince(start)
    try writer.writeRecord()
    try writer.show(writer.write(folds), console)
  }

  /// Notes the methods and seeds of an earlier call that this call omits from the results.
  private func noteLeftOut(_ earlier: StudyPlan) {
    let arms = earlier.arms.filter { !plan.arms.contains($0) }.map(\.name)
    let seeds = earlier.seeds.filter { !plan.seeds.contains($0) }.map { "seed \($0)" }
    guard !(arms + seeds).isEmpty else { return }
    console.note(
      "note: the results leave out \((arms + seeds).joined(separator: ", ")) of an earlier call. "
        + "Its runs are kept; name them again to include them.")
  }

  /// Rejects a folder that holds something other than a study.
  ///
  /// - Parameters:
  ///   - folder: the folder, which need not exist.
  ///   - file: the file that identifies a study of this kind.
  /// - Throws: `UsageError` if the folder holds something else.
  static func refuseForeign(_ folder: URL, unless file: String) throws {
    let found = OutputFolder.contents(folder)
    guard found.isEmpty || found.contains(file) else {
      throw UsageError.folderInUse(
        folder, holds: "something else", fix: "choose another folder, or remove it")
    }
  }

  private func record(_ study: LeaveOneSiteOut, leakage: String) throws -> StudyWriter.Record {
    let seconds = (try? StudyWriter(reading: study.folder.url))?.record.seconds ?? 0
    return try StudyWriter.Record(study, leakage: leakage, workers: arguments.workers, seconds: seconds)
  }

  /// Checks that there are words for every pair of sites that a run withholds.
  private func requireWords(_ study: LeaveOneSiteOut) throws {
    guard study.finished.count < study.folds.count else { return }
    for (clip, sites) in try study.clipsOfPairs {
      do { _ = try ProjectFiles.clipFolder(named: clip) } catch WorkError.noClip(let url) {
        throw WorkError.noClipWithout(url, sites: sites)
      }
    }
  }

  /// Checks the data of a study: the values of masks, and leakage between sites.
  private func checked(_ study: LeaveOneSiteOut) throws -> String {
    let limits = plan.configuration.reader.limits
    DataNotes.leftOut(study.catalog, console)
    try DataNotes.masks(study.catalog.sites, limits: limits, classes: plan.configuration.classes, console)
    if try !arguments.allowLeakage { try study.requireUnseen(ProjectFiles.clipFolder) }
    return try DataNotes.leakage(
      study.catalog.sites, isAllowed: arguments.allowLeakage, limits: limits, workers: arguments.workers,
      console)
  }

  private func study(in folder: URL, _ cache: FeatureCache) throws -> LeaveOneSiteOut {
    let (prompts, file) = try ProjectFiles.promptSet(arguments.prompts ?? defaultPrompts)
    let configuration = plan.configuration
    let study = try LeaveOneSiteOut(
      plan,
      catalog: SiteCatalog(
        at: URL(fileURLWithPath: configuration.data ?? ""), defaultClass: configuration.lesionClass),
      clip: ProjectFiles.clips, prompts: prompts, promptsFile: file, folder: folder,
      cache: cache, workers: arguments.workers)
    for setting in try plan.ineffectiveInterventions(prompts) { console.note("note: \(setting)") }
    return study
  }

  /// Trains the unfinished folds, with a progress bar over all of them.
  static func train(_ study: LeaveOneSiteOut, workers: Int, _ console: Console) throws -> [FoldResult] {
    let (all, done) = (study.folds.count, study.finished.count)
    let steps = try study.stepsLeft()
    if done > 0 {
      console.note("\(done) of " + counted(all, "fold") + " \(done == 1 ? "is" : "are") finished already")
    }
    if done < all {
      console.note("training " + counted(all - done, "fold") + ", \(min(workers, all - done)) in parallel")
    }
    let bar = ProgressBar("training", total: steps)
    let (taken, finished) = (Tally(), Tally())
    var progress = LeaveOneSiteOut.Progress()
    progress.encoding = { done, total in
      console.progress(done < total ? "encoding \(done)/\(total) images" : "")
    }
    progress.step = { _ in console.progress(bar.line(taken.add(), unit: "steps")) }
    progress.finished = { result in
      console.note(
        "  \(finished.add())/\(all) \(result.site) held out, \(result.method), seed \(result.seed): Dice "
          + "\(format(result.dice)), with a lesion \(format(result.diceWithLesion)) (familiar sites \(format(result.validationDice))), "
          + duration(result.seconds) + waiting(result.waited, of: result.seconds) + bar.left(taken.value))
    }
    progress.shouldStop = { Interrupt.requested }
    // Before and after this, Ctrl-C ends the command at once: another call repeats that work
    // quickly.
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    do {
      return try study.run(progress)
    } catch TrainingError.interrupted {
      throw Interruption.study
    }
  }
}
