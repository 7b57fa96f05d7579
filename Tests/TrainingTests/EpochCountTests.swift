import Datasets
import Foundation
import Metrics
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// More epochs than planned, and fewer.
  @Suite("More epochs and early stopping")
  struct EpochCountTests {
    @Test(
      "A run that is extended ends as one whose restart was planned, bit for bit",
      arguments: [MethodChoice.mcdrl, .baseline])
    func extended(method: MethodChoice) throws {
      let whole = try TinyRun(method: method, epochs: 4)
      whole.configuration.restarts = [2]
      try whole.trainer().trainer.train()

      let parts = try TinyRun(method: method, epochs: 2)
      try parts.trainer().trainer.train()
      let before = try parts.open()
      #expect(throws: RunError.notMoreEpochs(parts.run.url, planned: 2)) { try before.extended(to: 2) }
      let run = try before.extended(to: 4)
      #expect(run.configuration.epochs == 4 && run.configuration.restarts == [2])
      #expect(try parts.open().configuration == run.configuration)
      parts.configuration = run.configuration
      try parts.trainer(resuming: true).trainer.train()

      #expect(try parts.metrics().count == 4)
      #expect(try whole.metrics() == parts.metrics())
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
    }

    @Test("An interrupted run goes its planned way first, and then over the added epochs")
    func interrupted() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 3)
      #expect(throws: TrainingError.self) { try tiny.train(stopAfter: 4) }
      let run = try tiny.open().extended(to: 5)
      #expect(run.configuration.restarts == [3])
      #expect(try run.extended(to: 6).configuration.restarts == [3, 5])
    }

    @Test("A run that averages over a valley of the score is not extended")
    func valley() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 3)
      tiny.configuration.averaging = .swad
      _ = try tiny.trainer()
      let run = try tiny.open()
      #expect(throws: RunError.valleyOfEpochs(tiny.run.url)) { try run.extended(to: 5) }
      #expect(try tiny.open().configuration.epochs == 3)
    }

    @Test("The learning rate falls by one cosine, and begins anew after a restart")
    func rate() {
      var settings = RunConfiguration()
      (settings.epochs, settings.optimizer.warmup) = (4, 0)
      let cosine = CosineSchedule(warmupSteps: 0, totalSteps: 12)
      for step in 0..<12 { #expect(settings.rate(at: step, stepsPerEpoch: 3) == cosine.scale(at: step)) }
      settings.restarts = [1]
      let short = CosineSchedule(warmupSteps: 0, totalSteps: 3)
      #expect(settings.rate(at: 2, stepsPerEpoch: 3) == short.scale(at: 2))
      let rest = CosineSchedule(warmupSteps: 0, totalSteps: 9)
      for step in 0..<9 {
        #expect(settings.rate(at: 3 + step, stepsPerEpoch: 3) == rest.scale(at: step))
      }
      #expect(settings.plannedEpochs == 1)
    }

    @Test("Restarts must rise and lie inside the epochs", arguments: [[4], [0], [2, 2], [3, 1], [-1]])
    func faults(restarts: [Int]) {
      var settings = RunConfiguration()
      (settings.epochs, settings.restarts) = (4, restarts)
      let text = message { try settings.validateValues() }
      #expect(text.contains("restarts is \(restarts)"), "\(text)")
    }

    @Test("Patience counts epochs in a row without better weights, anew after a restart")
    func patience() {
      var settings = RunConfiguration()
      settings.model.method = .baseline
      (settings.epochs, settings.patience) = (9, 2)
      func history(_ best: [Bool], intervening: Bool = false) -> [EpochMetrics] {
        best.enumerated().map {
          EpochMetrics(
            epoch: $0 + 1, loss: 1, segmentation: 1, intervening: intervening, validationDice: 0.1, best: $1,
            seconds: 0)
        }
      }
      #expect(!settings.stops(after: history([true, false])))
      #expect(settings.stops(after: history([true, false, false])))
      #expect(!settings.stops(after: history([true, false, true, false])))
      settings.restarts = [3]
      #expect(!settings.stops(after: history([true, false, false])), "a restart follows")
      #expect(!settings.stops(after: history([true, false, false, false])))
      #expect(settings.stops(after: history([true, false, false, false, false])))
      settings.patience = 0
      #expect(!settings.stops(after: history([true, false, false, false, false])))
      // Epochs before the intervention do not count.
      (settings.restarts, settings.patience, settings.model.method) = ([], 2, .mcdrl)
      #expect(!settings.stops(after: history([true, false, false])))
      #expect(settings.stops(after: history([true, false, false], intervening: true)))
    }

    /// A run on eight images whose weights stay: its one validation image has no lesion, and the first
    /// weights mark nothing on it, so no later epoch is better.
    private func idle(_ folder: TemporaryFolder, _ name: String) throws -> Run {
      let catalog = try SiteCatalog(at: TinyRun.data.get())
      let site = try catalog.site("site-a")
      let plain = try #require(site.samples.first { $0.lesionClass == nil })
      let others = site.samples.filter { $0.lesionClass != nil }.prefix(8)
      try Data(others.map { "site-a/\($0.id)\n" }.joined().utf8).write(to: folder.file("train.txt"))
      try Data("site-a/\(plain.id)\n".utf8).write(to: folder.file("validation.txt"))
      let lists = try ImageLists(
        training: folder.file("train.txt"), validation: folder.file("validation.txt"), of: catalog)
      return try Run.create(
        at: folder.file(name), data: catalog, lists: lists,
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed, $0.batchSize) = (32, 6, 5, 4)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
        ($0.model.method, $0.selection, $0.patience) = (.baseline, .dice, 2)
        ($0.optimizer.learningRate, $0.optimizer.towerLearningRate) = (1e-12, 0)
      }
    }

    @Test("Training stops early, says so in the metrics, resumes to the same end, and can be extended")
    func early() throws {
      let folder = try TemporaryFolder("early")
      let run = try idle(folder, "whole")
      let metrics = try run.train()
      #expect(metrics.map(\.best) == [true, false, false])
      #expect(metrics.map(\.stopped) == [false, false, true])
      #expect(run.configuration.isFinished(metrics) && run.configuration.hasStopped(metrics))
      let text = try String(contentsOf: run.folder.metricsFile, encoding: .utf8)
      #expect(text.components(separatedBy: "\"stopped\":true").count == 2, "\(text)")
      #expect(try Run.open(at: folder.file("whole")).train().count == 3, "a finished run is left as it is")

      let parts = try idle(folder, "parts")
      let steps = Tally()
      #expect(throws: TrainingError.self) {
        try parts.train(
          TrainingProgress({ if case .step = $0 { steps.add() } }, shouldStop: { steps.value >= 3 }))
      }
      let again = try Run.open(at: folder.file("parts")).train()
      #expect(again.map(\.stopped) == [false, false, true] && again.map(\.loss) == metrics.map(\.loss))

      // What was measured with the weights before goes when they change, and the rule chosen with them.
      let place = try Run.open(at: folder.file("whole")).folder
      var stored = try place.configuration()
      stored.inference.threshold = 0.3
      try place.write(stored, to: place.configurationFile)
      let measured = [
        "mask-rule.json", "evaluation-a.json", "evaluation-a.csv", "coverage-a.svg", "unlabelled-b.json",
        "interventions-a.json", "card.md", "card.html", "counterfactual.json",
      ]
      for name in measured + ["evaluation-notes.txt"] {
        try Data("{}".utf8).write(to: place.url.appendingPathComponent(name))
      }
      let extended = try Run.open(at: folder.file("whole")).extended(to: 8)
      #expect(extended.configuration.restarts == [3] && extended.configuration.epochs == 8)
      let more = try extended.train()
      #expect(more.map(\.stopped) == [false, false, true, false, true])
      let left = try FileManager.default.contentsOfDirectory(atPath: place.url.path)
      #expect(Set(left).isDisjoint(with: measured) && left.contains("evaluation-notes.txt"), "\(left)")
      #expect(extended.configuration.inference.rule == MaskRule(0.5))
      #expect(try place.configuration().inference.rule == MaskRule(0.5))
    }
  }
}
