import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Storage
import Studies
import Torch
import Training

/// Runs a study and writes what it comes to; shared by `mcdrl loso` and `mcdrl ablate`.
struct StudyRunner {
  private let plan: StudyPlan
  private let arguments: Arguments
  private let console: Console
  private let defaultPrompts: String?

  /// Prepares a study.
  ///
  /// - Parameters:
  ///   - plan: what is trained.
  ///   - arguments: the command's.
  ///   - console: where progress and results go.
  ///   - prompts: the prompt file of the project to use when none was asked for.
  init(_ plan: StudyPlan, _ arguments: Arguments, _ console: Console, prompts: String? = nil) {
    self.plan = plan
    self.arguments = arguments
    self.console = console
    defaultPrompts = prompts
  }

  /// Trains and scores what is missing, and writes the results.
  ///
  /// - Throws: `Interruption` after Ctrl-C, or an error that names the file or option.
  func run() throws {
    guard arguments.positional.isEmpty else {
      throw UsageError(description: "\"\(arguments.positional[0])\" belongs to no option; see --help")
    }
    let start = Date()
    let folder = URL(fileURLWithPath: try arguments.required("out"))
    // Small models gain more from each other's company than from several threads for an operator.
    if arguments.last("threads") == nil { try Machine.setThreads(1) }
    try Self.refuseForeign(folder, unless: "study.json")
    let lock = try FolderLock(folder)
    defer { withExtendedLifetime(lock) {} }
    if let warning = lock.warning { console.note(warning) }
    let kept = try CacheOptions(arguments, in: folder, console)
    CacheOptions.advise(plan.configuration, console)
    let study = try study(in: folder, kept.cache)
    var writer = StudyWriter(folder: folder, record: try record(study, leakage: leakage(study)))
    // An earlier record stays until its folds are known to be of this plan, too.
    if !FileManager.default.fileExists(atPath: StudyWriter.recordFile(folder).path) {
      try writer.writeRecord()
    }
    if let earlier = try? StudyWriter(reading: folder).record.plan { noteLeftOut(earlier) }
    let folds = try Self.train(study, workers: workers, console)
    console.note("computing figures, intervals and the report")
    try writer.figures(folds, study.catalog, kept.cache, console)
    kept.finish()
    writer.record.seconds += Date().timeIntervalSince(start)
    try writer.writeRecord()
    try writer.show(writer.write(folds), console)
  }

  /// Says so when an earlier call had methods or seeds that this one leaves out of the results.
  private func noteLeftOut(_ earlier: StudyPlan) {
    let arms = earlier.arms.filter { !plan.arms.contains($0) }.map(\.name)
    let seeds = earlier.seeds.filter { !plan.seeds.contains($0) }.map { "seed \($0)" }
    guard !(arms + seeds).isEmpty else { return }
    console.note(
      "note: the results will leave out \((arms + seeds).joined(separator: ", ")) of an earlier call; its runs are kept, name "
        + "them again to have them back")
  }

  /// Keeps away from a folder that holds something else than a study.
  ///
  /// - Parameters:
  ///   - folder: need not be there.
  ///   - file: what a study of this kind has in its folder.
  /// - Throws: `UsageError`.
  static func refuseForeign(_ folder: URL, unless file: String) throws {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    guard found.allSatisfy({ $0 == ".lock" }) || found.contains(file) else {
      throw UsageError(
        description: "--out \(folder.path): the folder holds something else; choose another, or remove it")
    }
  }

  private func record(_ study: LeaveOneSiteOut, leakage: String) throws -> StudyWriter.Record {
    let seconds = (try? StudyWriter(reading: study.folder.url))?.record.seconds ?? 0
    return try StudyWriter.Record(study, leakage: leakage, workers: workers, seconds: seconds)
  }

  /// Looks for patients and pictures that would be trained on at one site and scored at another, and stops at them.
  private func leakage(_ study: LeaveOneSiteOut) throws -> String {
    let count = study.catalog.sites.reduce(0) { $0 + $1.allSamples.count }
    let report = try LeakageReport(
      study.catalog, limits: plan.configuration.reader.limits, workers: workers
    ) { console.progress("looking for the same patient or picture at two sites: \($0)/\(count)") }
    console.progress("")
    guard let error = report.error else { return "checked, none found" }
    guard arguments.has("allow-leakage") else { throw error }
    return "\(report.findings.count) pairs found and allowed"
  }

  private var workers: Int {
    get throws {
      try arguments.integer("workers", atLeast: 1) ?? ProcessInfo.processInfo.activeProcessorCount
    }
  }

  private func study(in folder: URL, _ cache: FeatureCache) throws -> LeaveOneSiteOut {
    let file: URL
    if arguments.last("prompts") == nil, let defaultPrompts {
      file = try ProjectFiles.find(defaultPrompts, instead: "--prompts FILE")
    } else {
      file = try ProjectFiles.prompts(arguments.last("prompts"))
    }
    let lesionClass = plan.configuration.lesionClass
    return try LeaveOneSiteOut(
      plan,
      catalog: SiteCatalog(
        at: URL(fileURLWithPath: plan.configuration.data), defaultClass: lesionClass.isEmpty ? nil : lesionClass),
      clip: { try CLIPModel.load(ProjectFiles.clip($0.clip), seed: $0.seed) },
      prompts: PromptSet(contentsOf: file), promptsFile: file, folder: folder, cache: cache, workers: workers)
  }

  /// Trains the folds that are not finished, with a progress bar over all of them.
  static func train(_ study: LeaveOneSiteOut, workers: Int, _ console: Console) throws -> [FoldResult] {
    let (all, done) = (study.folds.count, study.finished.count)
    let steps = try study.stepsLeft()
    if done > 0 { console.note("\(done) of \(all) folds are finished already") }
    if done < all { console.note("training \(all - done) folds, \(min(workers, all - done)) side by side") }
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
          + "\(format(result.dice)) (familiar sites \(format(result.validationDice))), "
          + duration(result.seconds)
          + (result.waited.map { ", \(percent($0, of: result.seconds)) of it waiting for images" } ?? "")
      )
    }
    progress.shouldStop = { Interrupt.requested }
    // Before and after this Ctrl-C ends at once: there is nothing that another call would not make again quickly.
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    do {
      return try study.run(progress)
    } catch TrainingError.interrupted {
      throw Interruption(description: "interrupted; what is finished is kept, run the same command to go on")
    }
  }
}
