import Datasets
import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import Studies
@testable import Training

@Suite("Folds of one study in several processes")
struct StudyTaskTests {
  @Test("Numbers of folds are read and written with ranges")
  func numbers() {
    #expect(FoldNumbers.numbers(in: "3") == [3])
    #expect(FoldNumbers.numbers(in: "7,0-3,2") == [0, 1, 2, 3, 7])
    for text in ["", "-", "a", "3-", "3-1", "1,,2", "0x1", "+1", "0-99999999999", "9999999"] {
      #expect(FoldNumbers.numbers(in: text) == nil, "\(text)")
    }
    #expect(FoldNumbers.text([]) == "" && FoldNumbers.text([4]) == "4")
    #expect(FoldNumbers.text([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8")
  }

  /// Makes a study of three folds that was planned for several processes.
  private func study(_ tiny: TinyRun, _ folder: URL, batch: Int = 4) throws -> LeaveOneSiteOut {
    var configuration = tiny.configuration
    (configuration.tune, configuration.augmentation, configuration.batchSize) = (.none, .none, batch)
    var study = try LeaveOneSiteOut(
      StudyPlan(study: "loso", configuration: configuration, arms: [.baseline], seeds: [3]),
      catalog: SiteCatalog(at: TinyRun.data.get()), prompts: TinyRun.prompts.get(), folder: folder,
      cache: FeatureCache(folder.appendingPathComponent("cache")))
    study.claimTiming = WorkClaim.Timing(beat: 0.1, poll: 0.05, patience: 100)
    return study
  }

  @Test("Two that train one fold end with one training, and all folds together are those of one machine")
  func claims() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let whole = try study(tiny, tiny.run.url.appendingPathComponent("whole"))
    let expected = try whole.run()
    let folder = tiny.run.url.appendingPathComponent("tasks")
    try FileManager.default.createFolder(StudyFolder(folder).claims)
    let parts = try study(tiny, folder)
    let fold = parts.folds[1]
    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in steps.add() }
    let shared = progress
    let pair = [try study(tiny, folder), try study(tiny, folder)]
    let both = try concurrentMap(count: 2, threads: 2) { try pair[$0].run([fold], shared) }
    #expect(both[0] == both[1] && both[0].map(\.images) == [expected[1].images])
    let alone = steps.value
    #expect(try parts.run([fold], shared) == both[0] && steps.value == alone)
    #expect(parts.finished(of: parts.folds).map(\.site) == [fold.site])

    let missing = message { _ = try parts.collected() }
    #expect(missing.contains("2 of 3 folds are missing or differ"), "\(missing)")
    #expect(missing.contains("--fold 0,2") && missing.contains(parts.folds[2].label), "\(missing)")
    _ = try parts.run([parts.folds[0], parts.folds[2]], shared)
    #expect(steps.value > alone)
    let trained = steps.value
    let collected = try parts.collected()
    #expect(collected.map(\.images) == expected.map(\.images) && steps.value == trained)
    #expect(collected.map(\.site) == parts.folds.map(\.site))
    try parts.requireOwnRuns()

    let other = try study(tiny, folder, batch: 5)
    let differing = message { _ = try other.collected() }
    for number in 0..<3 { #expect(differing.contains("fold \(number) ("), "\(differing)") }
    #expect(differing.contains("batchSize was 4, is 5") && !differing.contains("--fold"), "\(differing)")
    #expect(message { try other.requireOwnRuns() }.contains("batchSize was 4, is 5"))
  }

  @Test("A claimed fold waits while the process before still has the lock of its run")
  func locked() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let folder = tiny.run.url.appendingPathComponent("tasks")
    try FileManager.default.createFolder(StudyFolder(folder).claims)
    let tasks = try study(tiny, folder)
    let fold = tasks.folds[0]
    let held = Held()
    held.lock = try FolderLock(tasks.directory(fold).url)
    var hasty = tasks
    hasty.claimTiming.patience = 2
    #expect(throws: FolderLockError.self) { try hasty.run([fold]) }
    let waits = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.waiting = { _, _ in
      waits.add()
      held.lock = nil
    }
    let results = try tasks.run([fold], progress)
    #expect(results.count == 1 && waits.value == 1)
  }

  /// A lock that a callback releases.
  private final class Held: @unchecked Sendable {
    var lock: FolderLock?
  }

  @Test("A fold that another process took over is left to it")
  func lost() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 2)
    let folder = tiny.run.url.appendingPathComponent("tasks")
    try FileManager.default.createFolder(StudyFolder(folder).claims)
    var tasks = try study(tiny, folder)
    tasks.claimTiming.poll = 0.01
    let fold = tasks.folds[0]
    let place = StudyFolder(folder).claim(fold)
    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in
      if steps.add() == 3 { try? Data().write(to: place.appendingPathComponent("2.json")) }
      usleep(20_000)
    }
    #expect {
      try tasks.run([fold], progress)
    } throws: {
      "\($0)" == "\(StudyError.lostClaim(tasks.directory(fold).url))"
    }
    // The new holder gives no sign of life, and the study goes on to its end.
    tasks.claimTiming.patience = 4
    #expect(try tasks.run([fold]).count == 1)
  }
}
