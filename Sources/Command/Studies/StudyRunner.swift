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
  ///
  /// The plan checks the device if this machine trains.
  static var common: CommonOptions {
    CommonOptions(threads: "\(threads)", choosesDevice: true, needsDevice: false)
  }

  let source: StudySource
  let arguments: Arguments<StudyOptions>
  let console: Console
  var plan: StudyPlan { source.plan }

  /// Prepares a study.
  ///
  /// - Parameters:
  ///   - source: the methods, seeds, settings and prompts.
  ///   - arguments: the options of the command.
  ///   - console: receives progress and results.
  init(_ source: StudySource, _ arguments: Arguments<StudyOptions>, _ console: Console) {
    self.source = source
    self.arguments = arguments
    self.console = console
  }

  /// Does the part of a study that the options name.
  ///
  /// - Throws: `Interruption` after Ctrl-C, or an error that names the file or option.
  func run() throws {
    if try arguments.common.threads == nil { try Machine.setThreads(Self.threads) }
    switch try TaskOptions.part(arguments.tasks) {
    case .whole: try runWhole()
    case .plan: try writePlan()
    case .folds(let numbers): try train(numbers)
    case .collect: try collect()
    }
  }

  /// Trains and scores the missing folds, and writes the results.
  private func runWhole() throws {
    let start = Date()
    let folder = try arguments.out
    let lock = try OutputFolder.lock(folder, console)
    defer { withExtendedLifetime(lock) {} }
    try Self.refuseForeign(folder, unless: "study.json")
    let kept = try CommandCache(arguments.cache, in: folder, console)
    CommandCache.advise(plan.configuration, console)
    let study = try study(in: folder, kept.cache)
    try requireWords(study)
    var writer = StudyWriter(folder: folder, record: try record(study))
    // An earlier record stays until its folds are known to belong to this plan, too.
    if !FileManager.default.fileExists(atPath: StudyWriter.recordFile(folder).path) {
      try write(writer)
    }
    if let earlier = try? StudyWriter(reading: folder).record.plan { noteLeftOut(earlier) }
    let folds = try Self.train(study, workers: arguments.workers, console)
    try finish(&writer, folds, study, kept, since: start)
  }

  /// Computes the figures, and writes the record, the results and the report.
  func finish(
    _ writer: inout StudyWriter, _ folds: [FoldResult], _ study: LeaveOneSiteOut, _ kept: CommandCache,
    since start: Date
  ) throws {
    console.note("computing figures, intervals and the report")
    try writer.figures(folds, study.catalog, kept.cache, console)
    kept.finish()
    try emptyClaims(study)
    writer.record.seconds += Date().timeIntervalSince(start)
    try write(writer)
    try writer.show(writer.write(folds), console)
  }

  /// Writes the record and the prompts, so that the folder is enough to continue the study.
  func write(_ writer: StudyWriter) throws {
    // The record is first, because it makes the folder a study, which another call may continue.
    try writer.writeRecord()
    try AtomicFile.write(json: source.prompts, to: StudySource.promptsFile(writer.folder))
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

  /// Returns the record of the study, after the checks of its data.
  ///
  /// Data that a stored record describes were checked before it was written.
  func record(_ study: LeaveOneSiteOut) throws -> StudyWriter.Record {
    if source.isStored, var record = source.record {
      try source.requireSame(study)
      record.workers = try arguments.workers
      return record
    }
    return try StudyWriter.Record(
      study, leakage: checked(study), workers: arguments.workers, seconds: source.record?.seconds ?? 0)
  }

  /// Checks that there are words for every pair of sites that a run withholds.
  func requireWords(_ study: LeaveOneSiteOut) throws {
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
    DataNotes.statements(study.catalog.sites, console)
    try DataNotes.masks(study.catalog.sites, limits: limits, classes: plan.configuration.classes, console)
    if try !arguments.allowLeakage { try study.requireUnseen(ProjectFiles.clipFolder) }
    return try DataNotes.leakage(
      study.catalog.sites, isAllowed: arguments.allowLeakage, limits: limits, workers: arguments.workers,
      console)
  }

  /// Makes the study of the plan.
  ///
  /// - Throws: an error that names the file or the setting.
  func study(in folder: URL, _ cache: FeatureCache?) throws -> LeaveOneSiteOut {
    let configuration = plan.configuration
    let study = try LeaveOneSiteOut(
      plan,
      catalog: SiteCatalog(
        at: URL(fileURLWithPath: configuration.data ?? ""), defaultClass: configuration.lesionClass),
      clip: ProjectFiles.clips, prompts: source.prompts, promptsFile: source.promptsFile, folder: folder,
      cache: cache, workers: arguments.workers,
      needsDevice: TaskOptions.part(arguments.tasks).trains)
    for setting in try plan.ineffectiveInterventions(source.prompts) { console.note("note: \(setting)") }
    return study
  }
}
