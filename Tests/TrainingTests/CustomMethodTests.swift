import Foundation
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// Methods that a program defines beside the package's own.
  @Suite("Methods of one's own")
  struct CustomMethodTests {
    private static let methods = MethodRegistry.builtIn.adding(SiteVariance.self).adding(LearnedPrompt.self)

    private func tiny(_ method: MethodChoice, epochs: Int = 2) throws -> TinyRun {
      try TinyRun(method: method, epochs: epochs, methods: Self.methods)
    }

    @Test("It trains, and its term stands in the metrics and in TensorBoard's file under its name")
    func term() throws {
      let tiny = try tiny(MethodChoice(SiteVariance.self))
      let (trainer, system) = try tiny.trainer()
      try trainer.train()
      let metrics = try tiny.metrics()
      #expect(metrics.map { Array($0.terms.keys) } == [["variance"], ["variance"]])
      for epoch in metrics {
        let variance = try #require(epoch.terms["variance"])
        #expect(variance > 0 && abs(epoch.loss - epoch.segmentation - 10 * variance) < 1e-6)
      }
      // Its buffer was trained with it.
      #expect(try #require(system.model.method as? SiteVariance).steps.item() == 6)
      let lines = try String(contentsOf: tiny.run.metricsFile, encoding: .utf8)
      #expect(lines.components(separatedBy: "\"variance\":").count == 3)
      let folder = tiny.run.url.appendingPathComponent("tensorboard")
      let file = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
      let events = try Data(contentsOf: folder.appendingPathComponent(file))
      for epoch in metrics {
        var value = ProtobufMessage()
        value.append(1, "loss/variance")
        value.append(2, Float(try #require(epoch.terms["variance"])))
        #expect(events.range(of: value.bytes) != nil)
      }
      #expect(TrainingEvent.epoch(metrics[0], of: 2).description.contains("epoch 1 of 2"))
    }

    /// Three steps an epoch: 4 is the middle of the second.
    @Test(
      "It is stopped and resumed bit for bit, its buffers and parameters, too",
      arguments: [MethodChoice(SiteVariance.self), MethodChoice(LearnedPrompt.self)])
    func resumed(method: MethodChoice) throws {
      let (whole, parts) = (try tiny(method), try tiny(method))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) { try parts.train(stopAfter: 4) }
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics() == parts.metrics())
      let state = try whole.stateTensors()
      #expect(try state == parts.stateTensors())
      #expect(state.keys.contains { $0.hasPrefix("weights.model.method.") })
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
    }

    @Test("Options stand in config.json under the method's name, and are read with its registry alone")
    func settings() throws {
      let tiny = try tiny(MethodChoice(SiteVariance.self), epochs: 1)
      try tiny.configuration.set("model.options.weight=3")
      #expect(tiny.configuration.model.method.options(of: SiteVariance.self)?.weight == 3)
      _ = try tiny.trainer()
      let run = try tiny.open()
      #expect(run.configuration == tiny.configuration)
      #expect(run.configuration.model.method.options(of: SiteVariance.self)?.weight == 3)
      let unknown = message { _ = try Run.open(at: tiny.run.url) }
      #expect(unknown.contains("\"site-variance\" is not known") && unknown.contains("mcdrl"), "\(unknown)")
      try tiny.configuration.set("model.options.weight=-1")
      #expect(message { try tiny.configuration.validate() }.contains("model.options.weight is -1.0"))
      let typo = message { try tiny.configuration.set("model.options.wight=3") }
      #expect(typo.contains("wight") && typo.contains("did you mean \"weight\"?"), "\(typo)")
    }

    @Test(
      "A term whose name has another meaning, or cannot stand in a file, is refused by name",
      arguments: ["loss", "epoch", "validation_dice", "seconds", "", "a b", "a/b", "é"])
    func names(name: String) throws {
      let method = MethodChoice(SiteVariance.self).changing(SiteVariance.self) { $0.term = name }
      let tiny = try tiny(method, epochs: 1)
      let trainer = try tiny.trainer().trainer
      #expect(throws: MethodError.termName(method: "site-variance", name: name)) { try trainer.train() }
      #expect(message { try trainer.train() }.contains("\"\(name)\""))
    }

    @Test(
      "A term may be called after any word that the metrics do not use", arguments: ["Loss", "dice-2", "l_1"])
    func otherNames(name: String) throws {
      let method = MethodChoice(SiteVariance.self).changing(SiteVariance.self) { $0.term = name }
      let tiny = try tiny(method, epochs: 1)
      try tiny.trainer().trainer.train()
      #expect(try tiny.metrics().first?.terms.keys.first == name)
    }

    @Test("A part that learns words is given the text tower, trains, and its run opens again")
    func prompts() throws {
      let tiny = try tiny(MethodChoice(LearnedPrompt.self), epochs: 1)
      let (trainer, live) = try tiny.trainer()
      let method = try #require(live.model.method as? LearnedPrompt)
      let before = try method.words.detached().copy()
      try trainer.train()
      #expect(try difference(method.words, before) > 0)
      // The tower itself is neither trained nor stored.
      let stored = try SafetensorsFile(tiny.run.weightsFile).entries.keys
      #expect(stored.contains("model.method.words") && !stored.contains { $0.contains("text_model") })

      let run = try tiny.open()
      let (loaded, images) = (try run.trainedSystem(), try tiny.strangers())
      live.train(false)
      #expect(try loaded.probabilities(images).isEqual(to: live.probabilities(images)))
      let sample = try #require(try TinyRun.sites.get()[2].testSamples.first)
      #expect(try run.predictor(precision: .float32).probability(of: sample.image).shape == [32, 32])

      // Without the CLIP model that it was trained with its words mean nothing.
      let lost = try Run.open(at: tiny.run.url, methods: Self.methods) { $0.clip = "/nowhere/clip" }
      #expect(message { _ = try lost.trainedSystem() }.contains("/nowhere/clip"))
      let unnamed = try Run.open(at: tiny.run.url, methods: Self.methods) { $0.clip = nil }
      #expect(throws: RunError.needsClip) { try unnamed.trainedSystem() }
    }
  }
}
