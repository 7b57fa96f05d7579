import Datasets
import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import Metrics
@testable import Training

extension TrainingRuns {
  /// The score that chooses the epoch.
  @Suite("Choice of the epoch")
  struct EpochSelectionTests {
    /// Ten images of 100 pixels, six of which have a lesion of ten pixels.
    private func counts(found: Int, extra: Int) -> [OverlapCounts] {
      (0..<10).map { index in
        let lesion = index < 6 ? 10 : 0
        let found = min(found, lesion)
        return OverlapCounts(
          truePositives: found, falsePositives: extra, falseNegatives: lesion - found,
          trueNegatives: 100 - lesion - extra)
      }
    }

    @Test("Mean Dice chooses an empty prediction over one that finds lesions; the default never does")
    func empty() {
      let (empty, model) = (counts(found: 0, extra: 0), counts(found: 2, extra: 1))
      func score(_ selection: EpochSelection, _ counts: [OverlapCounts]) -> Double {
        selection.score(counts, batchSize: 4) ?? -1
      }
      #expect(score(.dice, empty) > score(.dice, model))
      #expect(RunConfiguration().selection == .markedDice)
      #expect(score(.markedDice, empty) == 0 && score(.markedDice, model) > 0.1)
      // False marks on images without a lesion cost something.
      let clean = counts(found: 2, extra: 0)
      #expect(score(.markedDice, clean) > score(.markedDice, model))
      // Without a lesion there is nothing to choose by.
      #expect(EpochSelection.markedDice.score(Array(empty.suffix(4)), batchSize: 4) == nil)
      #expect(EpochSelection.dice.score([], batchSize: 4) == nil)
    }

    @Test("A higher score replaces the best, of equal ones only 0, and an undefined one always does")
    func ties() {
      #expect(EpochSelection.replaces(0.2, 0.1) && EpochSelection.replaces(0, nil))
      #expect(EpochSelection.replaces(0, 0) && EpochSelection.replaces(nil, nil))
      #expect(!EpochSelection.replaces(0.1, 0.1) && !EpochSelection.replaces(0, 0.1))
    }

    @Test("The setting is stored by its name, and a name that is none is refused")
    func setting() throws {
      var configuration = RunConfiguration()
      try configuration.set("selection=dice")
      #expect(configuration.selection == .dice)
      #expect(throws: SettingsError.self) { try configuration.set("selection=best") }
    }

    @Test("By mean Dice, metrics have the keys of earlier versions, and the best epoch has the highest Dice")
    func dice() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 3)
      tiny.configuration.selection = .dice
      try tiny.trainer().trainer.train()
      let text = try String(contentsOf: tiny.run.metricsFile, encoding: .utf8)
      #expect(!text.contains("validation_score"))
      var highest = -1.0
      for metrics in try tiny.metrics() {
        let dice = try #require(metrics.validationDice)
        #expect(metrics.best == (dice > highest || (dice == 0 && highest == 0)))
        #expect(metrics.score(by: .dice) == dice)
        highest = max(highest, dice)
      }
    }

    @Test("A run reports its chosen epoch beside predictors that ignore the image")
    func report() throws {
      let folder = try TemporaryFolder("selection")
      let run = try Run.create(
        at: folder.file("run"), data: SiteCatalog(at: TinyRun.data.get()), holdOut: "site-c",
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed) = (32, 2, 5)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8, 16], 16)
      }
      let chosen = try #require(try run.train().last { $0.best })
      let report = try #require(try ValidationReport.stored(in: run.folder))
      #expect(report.epoch == chosen.epoch && report.selection == .markedDice)
      #expect(report.model.markedDice == chosen.validationScore && report.model.count == 12)
      #expect(report.predictors.map(\.name) == ["all background", "all lesion", "mean training mask"])
      let (empty, full) = (report.predictors[0].scores, report.predictors[1].scores)
      #expect(empty.markedDice == 0 && empty.markedShare == 0 && empty.unmarkedShare == 1)
      #expect(full.markedShare == 1 && full.unmarkedShare == 0)
      // Two epochs of so small a network are worse than the mean mask, which the report says.
      let mean = report.predictors[2].scores
      let says = report.findings("mcdrl").contains { $0.contains("does not beat") }
      let isBeaten = [empty, full, mean].contains { other in
        other.dice >= report.model.dice
          || (other.diceWithLesion ?? 0) >= (report.model.diceWithLesion ?? 1)
      }
      #expect(says == isBeaten)
      let evaluation = try run.evaluate(on: SiteCatalog(at: TinyRun.data.get()).site("site-c"))
      #expect(evaluation.selection == EpochSelection.markedDice.rule)
      try Data("{".utf8).write(to: run.folder.validationFile)
      #expect(throws: RunError.unreadable(run.folder.validationFile)) {
        try ValidationReport.stored(in: run.folder)
      }
      // What the system refuses is no damage, so its reason stands, and nobody trains the run again.
      for file in [run.folder.validationFile, run.folder.clipFile] {
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
      }
      #expect(throws: FileError.isFolder(run.folder.validationFile)) {
        try ValidationReport.stored(in: run.folder)
      }
      #expect(throws: FileError.isFolder(run.folder.clipFile)) { try ClipDescription(run.folder) }
    }
  }
}
