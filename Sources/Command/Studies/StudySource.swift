import Confounders
import Foundation
import Storage
import Studies
import Torch

/// The plan and prompts of a study: those of the options, or those that its folder holds.
///
/// Without `--data` and `--clip` they are those of `study.json` and `prompts.json5`.
struct StudySource {
  let plan: StudyPlan
  let prompts: PromptSet
  /// The file of the prompts, for messages.
  let promptsFile: URL?
  /// The record in the folder of the study; nil if there is none, or it cannot be read.
  let record: StudyWriter.Record?
  /// Whether plan and prompts are those of the folder.
  let isStored: Bool

  /// Returns the file of a study's prompts.
  static func promptsFile(_ folder: URL) -> URL { folder.appendingPathComponent("prompts.json5") }

  /// Reads the options or the folder.
  ///
  /// - Parameters:
  ///   - arguments: the options.
  ///   - options: makes the plan of the options, and names the project's prompt file that it has
  ///     without `--prompts`; nil for the standard one.
  /// - Throws: `UsageError` that names the option, or `WorkError` that names the file.
  init(
    _ arguments: Arguments<StudyOptions>, options: () throws -> (plan: StudyPlan, prompts: String?)
  ) throws {
    let folder = try arguments.out
    let file = StudyWriter.recordFile(folder)
    let part = try TaskOptions.part(arguments.tasks)
    let needsRecord = part != .whole && part != .plan
    guard !needsRecord || FileSystem.kind(of: file) != nil else { throw WorkError.notPlanned(file) }
    let hasSettings = try arguments.data != nil || arguments.clip != nil
    if !hasSettings, FileSystem.kind(of: file) != nil {
      try Self.requireNoSettings(arguments, file)
      let record = try StudyWriter(reading: folder).record
      let stored = Self.promptsFile(folder)
      guard FileSystem.kind(of: stored) != nil else { throw WorkError.noStudyPrompts(stored) }
      (plan, self.record, isStored) = (record.plan, record, true)
      (prompts, promptsFile) = (try PromptSet(contentsOf: stored), stored)
      guard plan.version == packageVersion else {
        throw WorkError.otherVersion(file, version: plan.version)
      }
    } else {
      let (plan, standard) = try options()
      let reading = Swift.Result { try StudyWriter(reading: folder).record }
      let record = needsRecord ? try reading.get() : try? reading.get()
      if needsRecord, let record {
        let changes = SettingChange.list(from: record.plan, to: try Self.asStored(plan))
        guard changes.isEmpty else {
          throw UsageError.otherSettings(option: "out", in: folder, changed: changes)
        }
      }
      (self.plan, self.record, isStored) = (plan, record, false)
      (prompts, promptsFile) = try ProjectFiles.promptSet(arguments.prompts ?? standard)
    }
  }

  /// Whether the folder may hold another plan: also one that cannot be read.
  var replacesPlan: Bool {
    get throws {
      guard !isStored else { return false }
      guard let record else { return true }
      return try !SettingChange.list(from: record.plan, to: Self.asStored(plan)).isEmpty
    }
  }

  /// Returns a plan as a file of it is read.
  private static func asStored(_ plan: StudyPlan) throws -> StudyPlan {
    let decoder = JSONDecoder()
    MCDRLCommand.methods.prepare(decoder)
    return try decoder.decode(StudyPlan.self, from: JSONEncoder().encode(plan))
  }

  /// Refuses settings beside those of the folder, which would have no effect.
  private static func requireNoSettings(_ arguments: Arguments<StudyOptions>, _ file: URL) throws {
    guard let name = arguments.givenNames.first(where: { !StudyOptions.besideStored.contains($0) }) else {
      return
    }
    throw UsageError.conflict(
      "--\(name)", with: "out \(file.deletingLastPathComponent().path)",
      reason: "without --data and --clip the settings are those of study.json there; give both, or leave "
        + "--\(name) out")
  }

  /// Checks that data, words and weights are those of the record.
  ///
  /// - Throws: `WorkError.otherInputs` that names each difference.
  func requireSame(_ study: LeaveOneSiteOut) throws {
    guard let record else { return }
    let now = try StudyWriter.Record(study, leakage: record.leakage, workers: 1, seconds: 0)
    let sites = Set(record.data.keys).union(now.data.keys).sorted()
      .filter { record.data[$0] != now.data[$0] }.map { "other images, masks or facts of site \($0)" }
    let names = ["prompts": "other words in the prompts", "clip.weights": "other weights of the CLIP model"]
    let others = names.keys.sorted(by: >).filter { record.hashes[$0] != now.hashes[$0] }
      .compactMap { names[$0] }
    guard (sites + others).isEmpty else {
      throw WorkError.otherInputs(StudyWriter.recordFile(study.folder.url), differences: sites + others)
    }
  }
}
