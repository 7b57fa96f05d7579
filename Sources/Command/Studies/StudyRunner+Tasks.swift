import Foundation
import Storage
import Studies
import Torch
import Training

/// The parts of a study that processes on several machines do: `--plan`, `--fold` and `--collect`.
///
/// Only `--plan` and `--collect` lock the folder and write files in it. A fold writes in its own run
/// folder, and claims it.
extension StudyRunner {
  /// One fold in the list of `--plan`, and its score in that of `--fold`.
  private struct Entry: Encodable {
    let fold: Int
    let site: String
    let arm: String
    let seed: UInt64
    var dice: Double?

    /// The entry as a line: its values with tabs between them.
    var line: String {
      ["\(fold)", NativePath.shown(site), arm, "\(seed)"].joined(separator: "\t")
        + (dice.map { "\t\($0)" } ?? "")
    }
  }

  /// Checks data and settings, writes `study.json`, and prints one line for each fold.
  func writePlan() throws {
    let start = Date()
    let folder = try arguments.out
    let lock = try OutputFolder.lock(folder, console)
    defer { withExtendedLifetime(lock) {} }
    try Self.refuseForeign(folder, unless: "study.json")
    let study = try study(in: folder, nil)
    try requireWords(study)
    try study.requireOwnRuns()
    var writer = StudyWriter(folder: folder, record: try record(study))
    writer.record.seconds += Date().timeIntervalSince(start)
    if try source.replacesPlan { try removeResults(folder) }
    try write(writer)
    // This is last, because tasks begin when it is there.
    try FileManager.default.createFolder(study.folder.claims)
    try show(entries(study))
  }

  /// Removes the results of an earlier plan, which are not those of the new one.
  private func removeResults(_ folder: URL) throws {
    for file in StudyWriter.resultFiles(folder) where FileSystem.kind(of: file) != nil {
      do { try FileManager.default.removeItem(at: file) } catch {
        throw FileError.cannotWrite(
          file, reason: "the results of an earlier plan cannot be removed: \(FileError.reason(of: error))")
      }
      console.note("note: \(file.lastPathComponent) of an earlier plan is removed")
    }
  }

  /// Trains and scores some folds of a planned study.
  func train(_ numbers: [Int]) throws {
    let folder = try arguments.out
    let record = StudyWriter.recordFile(folder)
    guard StudyFolder(folder).hasClaims else { throw WorkError.notPlanned(record) }
    let cache = try CommandCache(arguments.cache, in: folder, console)
    let study = try study(in: folder, cache.cache)
    let all = entries(study)
    if let wrong = numbers.first(where: { $0 >= all.count }) {
      throw UsageError.wrongValue(
        option: "fold", text: "\(wrong)",
        .needs("the study has \(counted(all.count, "fold")), from 0; see --plan"))
    }
    try source.requireSame(study)
    // The cache stays: other processes read it, and `--collect` removes it.
    let results = try Self.train(
      study, only: numbers.map { study.folds[$0] }, workers: arguments.workers, console)
    try show(
      zip(numbers, results).map { number, result in
        var entry = all[number]
        entry.dice = result.dice
        return entry
      })
  }

  /// Checks the folds of a study, and writes its results.
  func collect() throws {
    let start = Date()
    let folder = try arguments.out
    let lock = try OutputFolder.lock(folder, console)
    defer { withExtendedLifetime(lock) {} }
    var writer = try StudyWriter(reading: folder)
    let kept = try CommandCache(arguments.cache, in: folder, console)
    let study = try study(in: folder, kept.cache)
    try source.requireSame(study)
    console.note("checking " + counted(study.folds.count, "fold"))
    let folds = try study.collected()
    try finish(&writer, folds, study, kept, since: start)
  }

  /// Forgets who trained the folds, which are finished.
  func emptyClaims(_ study: LeaveOneSiteOut) throws {
    guard study.folder.hasClaims else { return }
    for place in try FileSystem.contents(of: study.folder.claims) {
      try? FileManager.default.removeItem(at: place)
    }
  }

  private func entries(_ study: LeaveOneSiteOut) -> [Entry] {
    study.folds.enumerated().map { Entry(fold: $0, site: $1.site, arm: $1.arm.name, seed: $1.seed) }
  }

  /// Prints a list of folds; its headings are a note.
  private func show(_ entries: [Entry]) throws {
    guard !console.json else { return try console.result(json: entries) }
    console.note("fold, site, arm, seed\(entries.contains { $0.dice != nil } ? ", Dice" : "")")
    for entry in entries { StandardStreams.write(result: entry.line) }
  }
}
