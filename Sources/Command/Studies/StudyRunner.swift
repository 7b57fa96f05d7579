import CLIP
import Datasets
import Evaluation
import Foundation
import MCDRL
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
    try refuseForeign(folder)
    try FileManager.default.createFolder(folder)
    let lock = try FolderLock(folder)
    defer { withExtendedLifetime(lock) {} }
    let study = try study(in: folder)
    if !arguments.has("allow-leakage") { try refuseLeakage(study) }
    var writer = StudyWriter(folder: folder, record: try record(study))
    try writer.writeRecord()
    let folds = try Self.train(study, workers: workers, console)
    console.note("computing figures, intervals and the report")
    try writer.figures(folds, study.catalog, console)
    writer.record.seconds += Date().timeIntervalSince(start)
    try writer.writeRecord()
    try writer.show(writer.write(folds), console)
  }

  /// Keeps away from a folder that holds something else.
  private func refuseForeign(_ folder: URL) throws {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    guard found.allSatisfy({ $0.hasPrefix(".") }) || found.contains("study.json") else {
      throw UsageError(
        description: "--out \(folder.path): the folder holds something else; choose another, or remove it")
    }
  }

  private func record(_ study: LeaveOneSiteOut) throws -> StudyWriter.Record {
    let seconds = (try? StudyWriter(reading: study.folder.url))?.record.seconds ?? 0
    return StudyWriter.Record(
      plan: plan, data: try Fingerprint.data(study.catalog.sites),
      environment: StudyResults.Environment(
        version: MCDRLCommand.version, device: plan.configuration.device.description,
        precision: plan.configuration.precision.rawValue),
      workers: try workers, seconds: seconds)
  }

  /// Stops where a patient or picture would be trained on at one site and scored at another.
  private func refuseLeakage(_ study: LeaveOneSiteOut) throws {
    let count = study.catalog.sites.reduce(0) { $0 + $1.allSamples.count }
    let report = try LeakageReport(
      study.catalog, limits: plan.configuration.reader.limits, workers: workers
    ) { console.progress("looking for the same patient or picture at two sites: \($0)/\(count)") }
    console.progress("")
    if let error = report.error { throw error }
  }

  private var workers: Int {
    get throws {
      try arguments.integer("workers", atLeast: 1) ?? ProcessInfo.processInfo.activeProcessorCount
    }
  }

  private func study(in folder: URL) throws -> LeaveOneSiteOut {
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
        URL(fileURLWithPath: plan.configuration.data), defaultClass: lesionClass.isEmpty ? nil : lesionClass),
      clip: { try CLIPModel.load(ProjectFiles.clip($0.clip), seed: $0.seed) },
      prompts: PromptSet(contentsOf: file), folder: folder, workers: workers)
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
          + "\(duration(result.seconds))")
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
