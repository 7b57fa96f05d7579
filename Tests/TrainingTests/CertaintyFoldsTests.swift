import Datasets
import Foundation
import TestSupport
import Testing

@testable import Training

extension TrainingRuns {
  /// The calibration of a run by folds that held out other sites.
  @Suite("Certainty by folds")
  struct CertaintyFoldsTests {
    /// A run that held out one of three sites.
    private func run(holdingOut place: Int) throws -> TinyRun {
      let tiny = try TinyRun(epochs: 1)
      let sites = try TinyRun.sites.get()
      tiny.configuration.sources = sites.indices.filter { $0 != place }.map { sites[$0].name }
      tiny.configuration.holdOut = sites[place].name
      tiny.configuration.data = try TinyRun.data.get().path
      tiny.configuration.inference.threshold = 0.2
      try tiny.trainer().trainer.train()
      return tiny
    }

    @discardableResult
    private func calibrated(_ tiny: TinyRun, _ folds: FoldErrors? = nil) throws -> Calibration {
      let run = try tiny.open()
      return try CertaintyFit(
        run, run.predictor(usesCalibration: false), catalog: SiteCatalog(at: TinyRun.data.get())
      ).write(quantile: 0.95, folds: folds)
    }

    /// Scores a run at its held-out site as `mcdrl evaluate` does.
    @discardableResult
    private func evaluated(
      _ tiny: TinyRun, at place: Int, with predictor: Predictor? = nil
    ) throws -> Evaluation {
      let site = try TinyRun.sites.get()[place]
      let found = try tiny.open().evaluate(on: site, with: predictor)
      try tiny.run.write(found, to: tiny.run.evaluationFile(of: site.name))
      return found
    }

    private func errors(
      _ tiny: TinyRun, _ folds: TinyRun...
    ) throws -> (errors: FoldErrors, notes: [String]) {
      let run = try tiny.open()
      return try run.foldErrors(folds.map { try $0.open() }, inference: run.configuration.inference)
    }

    @Test("A fold corrects expected Dice; a corrected fold counts as it was before")
    func correction() throws {
      let (tiny, fold) = (try run(holdingOut: 2), try run(holdingOut: 0))
      let sites = try TinyRun.sites.get()
      try calibrated(fold)
      let report = try #require(try evaluated(fold, at: 0).certainty)
      #expect(report.uncorrected == nil)
      let found = try errors(tiny, fold)
      #expect(found.notes.isEmpty && found.errors.folds.map(\.site) == [sites[0].name])
      #expect(found.errors.folds[0].expected == report.expected.dice)
      #expect(abs(found.errors.correction - report.error) < 1e-9)

      // The same calibration without folds has no key of theirs.
      let plain = try calibrated(tiny)
      let text = try String(contentsOf: tiny.run.calibrationFile, encoding: .utf8)
      #expect(!text.contains("\"folds\""))
      #expect(try #require(try Calibration.stored(in: tiny.run)).folds == nil)
      let files = sites[2].samples.prefix(4).map(\.image)
      let before = try tiny.open().predictor().estimate(
        "new", inputs: files.map { PredictionInput($0) }, of: tiny.run)
      #expect(before.uncorrected == nil && before.folds == nil && plain.folds == nil)

      try calibrated(tiny, found.errors)
      #expect(try #require(try Calibration.stored(in: tiny.run)).folds == found.errors)
      let after = try tiny.open().predictor().estimate(
        "new", inputs: files.map { PredictionInput($0) }, of: tiny.run)
      #expect(after.uncorrected == before.expected.dice && after.folds == found.errors)
      #expect(after.expected.dice == found.errors.image(before.expected.dice))
      #expect(after.expected.low == nil && after.expected.high == nil && !after.isTrusted)
      #expect(after.notes.contains { $0.contains("no interval") }, "\(after.notes)")
      for (new, old) in zip(after.images, before.images) {
        #expect(new.expectedDice == found.errors.image(old.expectedDice))
        #expect(new.uncertainty == old.uncertainty && new.distance == old.distance)
      }

      // The report says both, and a chain of corrections does not add up.
      let evaluation = try evaluated(tiny, at: 2)
      let corrected = try #require(evaluation.certainty)
      let uncorrected = try #require(corrected.uncorrected)
      #expect(corrected.expected.dice == found.errors.image(uncorrected))
      let next = try errors(fold, tiny).errors.folds[0]
      #expect(next.expected == uncorrected)
      let dice = try #require(evaluation.model.metrics[.dice]?.mean)
      #expect(abs(next.dice - dice) < 1e-9)

      // A file whose folds are no Dice is damaged.
      let good = try String(contentsOf: tiny.run.calibrationFile, encoding: .utf8)
      let bad = good.replacing(/"folds"\s*:\s*\[[^\]]*\]/, with: #""folds":[]"#)
      #expect(bad != good)
      try Data(bad.utf8).write(to: tiny.run.calibrationFile)
      #expect(message { _ = try tiny.open().predictor() }.contains(tiny.run.calibrationFile.path))
    }

    @Test("A fold that is not ready, or of other settings, is refused by name with the fix")
    func refused() throws {
      let (tiny, fold) = (try run(holdingOut: 2), try run(holdingOut: 0))
      let file = fold.run.evaluationFile(of: try TinyRun.sites.get()[0].name)
      func refusal() -> String { message { _ = try errors(tiny, fold) } }
      #expect(refusal().contains(fold.run.calibrationFile.path) && refusal().contains("mcdrl calibrate"))

      // Scores from before the calibration expect nothing.
      try evaluated(fold, at: 0)
      try calibrated(fold)
      #expect(refusal().contains("\(file.path): holds no expected Dice"), "\(refusal())")
      try FileManager.default.removeItem(at: file)
      #expect(refusal().contains("\(file.path): not found"), "\(refusal())")

      try evaluated(fold, at: 0, with: fold.open().predictor(threshold: 0.6))
      #expect(refusal().contains(file.path) && refusal().contains("without --set"), "\(refusal())")
      try evaluated(fold, at: 0)
      #expect(refusal().isEmpty, "\(refusal())")
      // Scores of other weights expect nothing of these.
      let (good, hash) = (try String(contentsOf: file, encoding: .utf8), try fold.run.modelHash())
      #expect(good.contains(hash))
      try Data(good.replacing(hash, with: "other").utf8).write(to: file)
      #expect(refusal().contains("\(file.path): holds no expected Dice of the run as it is"), "\(refusal())")
      try Data(good.utf8).write(to: file)
      var other = tiny.configuration.inference
      other.threshold = 0.6
      #expect(
        message { _ = try tiny.open().foldErrors([fold.open()], inference: other) }
          .contains("same inference settings"))

      let baseline = try TinyRun(method: .baseline, epochs: 1)
      try baseline.trainer().trainer.train()
      let foreign = message { _ = try errors(tiny, fold, baseline) }
      #expect(foreign.contains(baseline.run.url.path) && foreign.contains("not of mcdrl"), "\(foreign)")

      fold.configuration.holdOut = nil
      try fold.run.write(fold.configuration, to: fold.run.configurationFile)
      #expect(refusal().contains("\(fold.run.url.path): held no site out"), "\(refusal())")
    }

    @Test("A fold that held out the site of the run is left out")
    func sameSite() throws {
      let (tiny, fold) = (try run(holdingOut: 2), try run(holdingOut: 0))
      try calibrated(fold)
      try evaluated(fold, at: 0)
      let found = try errors(tiny, tiny, fold)
      #expect(found.errors.folds.count == 1 && found.notes.count == 1)
      #expect(found.notes[0].contains(tiny.run.url.path) && found.notes[0].contains("left out"))
      #expect(message { _ = try errors(tiny, tiny) }.contains("as the run itself did"))
    }
  }
}
