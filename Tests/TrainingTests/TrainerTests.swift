import Confounders
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Trainer")
  struct TrainerTests {
    @Test("A process whose run another one has taken over stops and leaves its state as it is")
    func replaced() throws {
      let tiny = try TinyRun(method: .baseline)
      let (trainer, _) = try tiny.trainer()
      let steps = Tally()
      let stops = TrainingProgress({ if case .step = $0 { steps.add() } }, shouldStop: { steps.value > 1 })
      #expect(throws: TrainingError.self) { try trainer.train(stops) }
      let state = try Data(contentsOf: tiny.run.stateFile)
      let replaced = TrainingProgress(
        { if case .step = $0 { steps.add() } }, shouldStop: { true }, isReplaced: { true })
      #expect(throws: TrainingError.self) { try trainer.train(replaced) }
      #expect(try steps.value > 2 && Data(contentsOf: tiny.run.stateFile) == state)
      // At the end of an epoch there is neither state nor metrics of it.
      let end = TrainingProgress({ _ in }, shouldStop: { false }, isReplaced: { true })
      #expect(throws: TrainingError.self) { try trainer.train(end) }
      #expect(try Data(contentsOf: tiny.run.stateFile) == state)
      #expect((try? tiny.run.history())?.isEmpty != false)
    }

    @Test("The losses of a step are read at once with the values of one by one")
    func losses() throws {
      let values = try [Tensor([0.1] as [Float], shape: []), Tensor([0.3] as [Float], shape: [1])]
      let exact = try Tensor([0.7] as [Float], shape: []).to(.float64) / 3
      let found = try StepLosses(
        total: values[0], segmentation: values[1], terms: [("a", exact), ("b", values[0].to(.bfloat16))])
      #expect(try found.total == values[0].item() && found.segmentation == values[1].item())
      #expect(try found.terms.map(\.value) == [exact.item(), values[0].to(.bfloat16).item()])
    }

    @Test("Divergence is an error, and the state file can still be loaded", arguments: [4, 12])
    func diverged(batch: Int) throws {
      let tiny = try TinyRun(method: .baseline)
      tiny.configuration.batchSize = batch
      tiny.configuration.optimizer.learningRate = 1e30
      tiny.configuration.optimizer.warmup = 0
      do {
        try tiny.trainer().trainer.train()
        Issue.record("training at a rate of 1e30 should diverge")
      } catch let error as TrainingError {
        guard case .diverged(_, _, let state) = error else { throw error }
        #expect(state == tiny.run.stateFile.path)
        #expect(error.description.contains("optimizer.learningRate"))
      }
      #expect(tiny.run.hasState)
      let (_, system) = try tiny.trainer(resuming: true)
      #expect(try system.state().values.allSatisfy { try $0.floats().allSatisfy(\.isFinite) })
    }

    @Test(
      "The finished run gives the live system's probabilities", arguments: [MethodChoice.mcdrl, .baseline])
    func trained(method: MethodChoice) throws {
      let tiny = try TinyRun(method: method, epochs: 1)
      let (trainer, live) = try tiny.trainer()
      try trainer.train()
      let run = try tiny.open()
      #expect(run.configuration == tiny.configuration)
      let (loaded, images) = (try run.trainedSystem(), try tiny.strangers())
      live.train(false)
      #expect(try loaded.probabilities(images).floats() == live.probabilities(images).floats())
    }

    @Test("Training twice with one seed gives equal weights; another seed gives others")
    func seeded() throws {
      let runs = try [UInt64(7), 7, 8].map { seed in
        let tiny = try TinyRun(epochs: 1)
        tiny.configuration.seed = seed
        try tiny.trainer().trainer.train()
        return tiny
      }
      let weights = try runs.map { try Data(contentsOf: $0.run.weightsFile) }
      #expect(weights[0] == weights[1] && weights[0] != weights[2])
      #expect(try runs[0].metrics() == runs[1].metrics())
    }

    @Test("With one seed all methods see the same images in the same order, from the same weights")
    func sameImages() throws {
      // Methods that add nothing to the loss but what weighs nothing, so that each is the baseline to the last bit.
      let silent = MethodChoice.mcdrl.changing(MCDRL.self) { ($0.start, $0.contrast) = (1, 0) }
      let weightless = MethodChoice(SiteVariance.self).changing(SiteVariance.self) { $0.weight = 0 }
      let runs = try [MethodChoice.baseline, weightless, silent].map { method in
        let tiny = try TinyRun(method: method, epochs: 2, methods: .builtIn.adding(SiteVariance.self))
        tiny.configuration.mcdrlOptions.start = 1
        tiny.configuration.interventions.share = 0
        try tiny.trainer().trainer.train()
        let shared = try tiny.stateTensors().filter { $0.key.contains(".head.") || $0.key.contains("tower.") }
        return (losses: try tiny.metrics().map(\.segmentation), weights: shared)
      }
      try #require(!runs[0].weights.isEmpty)
      for run in runs.dropFirst() {
        #expect(run.losses == runs[0].losses)
        #expect(run.weights == runs[0].weights)
      }
    }

    @Test("The intervention and its loss begin at their epoch; a baseline has neither")
    func schedule() throws {
      let tiny = try TinyRun()
      try tiny.trainer().trainer.train()
      let metrics = try tiny.metrics()
      #expect(metrics.map(\.epoch) == [1, 2, 3, 4])
      #expect(metrics.map(\.intervening) == [false, true, true, true])
      #expect(metrics.map { $0.terms["causal"] != nil } == [false, true, true, true])
      #expect(
        metrics.allSatisfy { $0.terms["contrast"] != nil && $0.validationDice != nil && $0.loss.isFinite })
      let baseline = try TinyRun(method: .baseline, epochs: 2)
      try baseline.trainer().trainer.train()
      #expect(try baseline.metrics().allSatisfy { $0.terms.isEmpty && !$0.intervening })
    }

    @Test("The weights that are kept are those of the best epoch so far")
    func best() throws {
      // The first of some trainings whose best epoch is neither its first nor its last, so that a trainer that saves once,
      // or always, is found out.
      for seed in UInt64(2)..<10 {
        let tiny = try TinyRun(method: .baseline, epochs: 6)
        (tiny.configuration.seed, tiny.configuration.optimizer.learningRate) = (seed, 0.02)
        let (history, weights) = try trained(tiny)
        var highest = -1.0
        for metrics in history {
          let score = try #require(metrics.validationScore)
          #expect(metrics.best == (score > highest || (score == 0 && highest == 0)))
          highest = max(highest, score)
        }
        let best = try #require(history.lastIndex { $0.best })
        guard (1..<5).contains(best) else { continue }
        let stored = try TinyRun.tensors(tiny.run.weightsFile).filter { !$0.key.hasPrefix("text.") }
        #expect(stored == weights[best])
        for (epoch, other) in weights.enumerated() where epoch != best { #expect(stored != other) }
        return
      }
      Issue.record("no training had its best epoch between its first and its last")
    }

    /// Trains, and gives the live weights after each epoch.
    private func trained(_ tiny: TinyRun) throws -> (history: [EpochMetrics], weights: [[String: [UInt8]]]) {
      let (trainer, system) = try tiny.trainer()
      let live = Unchecked(system)
      let weights = Collector<[String: [UInt8]]>()
      let history = try trainer.train(
        TrainingProgress { event in
          guard case .epoch = event else { return }
          weights.add(
            live.value.state().mapValues { (try? $0.contiguous().withBytes { Array($0) }) ?? [] })
        })
      try #require(weights.count == history.count)
      return (history, weights.all)
    }

    @Test("No training images are an error that says so")
    func noImages() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      let (_, system) = try tiny.trainer()
      let none = try SampleBank([], reader: SampleReader(size: 32))
      #expect(throws: TrainingError.noImages) {
        try Trainer(
          configuration: tiny.configuration, system: system, run: tiny.run, training: none, validation: none,
          prompts: TinyRun.prompts.get(),
          resuming: false)
      }
    }

    @Test("A folder without a run, and a run without weights, say what to do")
    func notTrained() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      #expect(message { _ = try tiny.trained() }.hasPrefix(tiny.run.url.path))
      _ = try tiny.trainer()
      #expect(message { _ = try tiny.trained() }.contains(tiny.run.weightsFile.path))
      try Data("damaged".utf8).write(to: tiny.run.configurationFile)
      #expect(message { _ = try tiny.trained() }.contains(tiny.run.configurationFile.path))
    }
  }
}

/// A value that a test hands to a closure which runs on its own thread.
private struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
