import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Resuming")
  struct ResumeTests {
    /// Three steps an epoch: 6 is the end of epoch 2, 8 the middle of epoch 3.
    @Test(
      "A run that is stopped and resumed equals an uninterrupted one, bit for bit",
      arguments: [MethodChoice.mcdrl, .baseline], [6, 8])
    func bitForBit(method: MethodChoice, stop: Int) throws {
      let whole = try TinyRun(method: method)
      try whole.trainer().trainer.train()

      let parts = try TinyRun(method: method)
      let interrupted = TrainingError.interrupted(epoch: (stop - 1) / 3 + 1, step: (stop - 1) % 3 + 1)
      #expect(throws: interrupted) { try parts.train(stopAfter: stop) }
      try parts.trainer(resuming: true).trainer.train()

      #expect(try whole.metrics().count == 4)
      #expect(try whole.metrics() == parts.metrics())
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
    }

    @Test("A stop keeps the steps that are done: resuming begins with the next one", arguments: [6, 8])
    func nextStep(stop: Int) throws {
      let tiny = try TinyRun(method: .baseline)
      #expect(throws: TrainingError.self) { try tiny.train(stopAfter: stop) }
      let steps = Collector<[Int]>()
      try tiny.trainer(resuming: true).trainer.train(
        TrainingProgress { if case .step(let epoch, let step, _, _) = $0 { steps.add([epoch, step]) } })
      #expect(steps.all == (stop..<12).map { [$0 / 3 + 1, $0 % 3 + 1] })
    }

    @Test("A kill after an epoch's weights and before its state repeats that epoch to the same end")
    func killedBetween() throws {
      let (whole, killed) = (try TinyRun(epochs: 3), try TinyRun(epochs: 3))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.interrupted(epoch: 1, step: 3)) { try killed.train(stopAfter: 3) }
      let state = try Data(contentsOf: killed.run.stateFile)
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 3)) {
        try killed.train(stopAfter: 3, resuming: true)
      }
      // The weights of the second epoch stay, its state is gone.
      try state.write(to: killed.run.stateFile)
      try killed.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics() == killed.metrics())
      #expect(try whole.stateTensors() == killed.stateTensors())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: killed.run.weightsFile))
    }

    @Test("Gradients that are being accumulated are not lost by a stop")
    func accumulation() throws {
      let (whole, parts) = (
        try TinyRun(method: .baseline, epochs: 2), try TinyRun(method: .baseline, epochs: 2)
      )
      whole.configuration.accumulation = 2
      parts.configuration.accumulation = 2
      try whole.trainer().trainer.train()
      // Step 1 leaves half of a sum, so the stop waits for step 2.
      #expect(throws: TrainingError.interrupted(epoch: 1, step: 2)) { try parts.train(stopAfter: 1) }
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics() == parts.metrics())
      #expect(try whole.stateTensors() == parts.stateTensors())
    }

    @Test("Resuming a finished run changes no weights and completes metrics that a kill cut off")
    func finished() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 2)
      try tiny.trainer().trainer.train()
      let (metrics, state) = (try tiny.metrics(), try tiny.stateTensors())
      // A kill between the last state and the last line of metrics leaves this.
      try tiny.run.write(Array(try tiny.trainer(resuming: true).trainer.history.dropLast()))
      #expect(try tiny.metrics().count == 1)
      let history = try tiny.trainer(resuming: true).trainer.train()
      #expect(history.count == 2)
      #expect(try tiny.metrics() == metrics)
      #expect(try tiny.stateTensors() == state)
    }

    @Test("A state without the weights that validation chose, or with damaged ones, is no run to continue")
    func lostWeights() throws {
      let folder = RunFolder(
        FileManager.default.temporaryDirectory.appendingPathComponent("run-\(UUID().uuidString)"))
      try folder.create()
      defer { try? FileManager.default.removeItem(at: folder.url) }
      try Data().write(to: folder.stateFile)
      try folder.requireResumable(finished: 0)
      let lost = #expect(throws: RunError.self) { try folder.requireResumable(finished: 1) }
      guard case .lostWeights(.cannotRead(folder.weightsFile, _)) = lost else {
        Issue.record("\(String(describing: lost))")
        return
      }
      try Data("{}".utf8).write(to: folder.weightsFile)
      let damage = SafetensorsError.tooShort(folder.weightsFile.path, bytes: 2)
      #expect(throws: RunError.damagedWeights(damage)) { try folder.requireResumable(finished: 1) }
    }

    @Test("The state of another shape is an error that names its file")
    func otherShape() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      try tiny.configuration.set("model.head.detailWidths=[4,8]")
      let text = message { _ = try tiny.trainer(resuming: true) }
      #expect(text.contains(tiny.run.stateFile.path) && text.contains("head"), "\(text)")
    }

    @Test(
      "The state holds the weights that are trained, and one with all weights is still read",
      arguments: [Tuning.none, .last(1), .all])
    func trainedWeights(tune: Tuning) throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      tiny.configuration.tune = tune
      let (trainer, system) = try tiny.trainer()
      try trainer.train()
      let frozen = try system.frozenWeights()
      #expect(frozen.isEmpty == (tune == .all))
      let state = try SafetensorsFile(tiny.run.stateFile)
      let stored = try state.tensors()
      let weights = stored.keys.filter { $0.hasPrefix("weights.") }.map { String($0.dropFirst(8)) }
      #expect(Set(weights) == Set(system.state().keys).subtracting(frozen.keys))

      let found = try tiny.trainer(resuming: true).system
      #expect(try Fingerprint.hash(of: found) == Fingerprint.hash(of: system))
      let all = system.state().reduce(into: stored) { $0["weights." + $1.key] = $1.value }
      try SafetensorsFile.write(all, metadata: state.metadata, to: tiny.run.stateFile)
      let old = try tiny.trainer(resuming: true).system
      #expect(try Fingerprint.hash(of: old) == Fingerprint.hash(of: system))
    }

    @Test("A run does not go on with another CLIP than it began with")
    func otherWeights() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      tiny.configuration.tune = .last(1)
      try tiny.trainer().trainer.train()
      // The seed draws the random CLIP.
      tiny.configuration.seed += 1
      let text = message { _ = try tiny.trainer(resuming: true) }
      #expect(text.contains(tiny.run.stateFile.path) && text.contains("CLIP"), "\(text)")
    }

    @Test("A truncated state, and a file that is none, are errors that name the file")
    func damaged() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      let bytes = try Data(contentsOf: tiny.run.stateFile)
      try bytes.prefix(bytes.count / 2).write(to: tiny.run.stateFile)
      #expect(message { _ = try tiny.trainer(resuming: true) }.contains(tiny.run.stateFile.path))
      try SafetensorsFile.write(["x": .zeros([1])], to: tiny.run.stateFile)
      #expect(message { _ = try tiny.trainer(resuming: true) }.contains(tiny.run.stateFile.path))
    }
  }
}
