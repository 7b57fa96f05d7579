import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Peers")
  struct PeerRunTests {
    private static func tiny(_ method: MethodChoice, epochs: Int = 2) throws -> TinyRun {
      let tiny = try TinyRun(method: method, epochs: epochs)
      tiny.configuration.sources = try TinyRun.sites.get()[..<2].map(\.name)
      return tiny
    }

    /// Three steps an epoch: 4 is the middle of the second.
    @Test(
      "A peer that is stopped and resumed equals an uninterrupted one, bit for bit",
      arguments: MethodChoice.peers)
    func bitForBit(method: MethodChoice) throws {
      let (whole, parts) = (try Self.tiny(method), try Self.tiny(method))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) { try parts.train(stopAfter: 4) }
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.metrics().allSatisfy { $0.loss.isFinite })
      #expect(try whole.metrics() == parts.metrics())
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try Data(contentsOf: whole.run.weightsFile) == Data(contentsOf: parts.run.weightsFile))
    }

    @Test("A peer trains, is stored, and loaded gives the same", arguments: MethodChoice.peers)
    func trained(method: MethodChoice) throws {
      let tiny = try Self.tiny(method, epochs: 1)
      let (trainer, live) = try tiny.trainer()
      let before = try live.state().mapValues { try $0.detached().copy() }
      try trainer.train()
      let moved = try live.parameters().filter { parameter in
        try !parameter.tensor.isEqual(to: #require(before[parameter.key]))
      }
      // Its own parameters, or those of the common head, have learned.
      let own = live.model.parameters().filter { $0.key.hasPrefix("method.") }
      #expect(Set(own.map { "model.\($0.key)" }).isSubset(of: moved.map(\.key)))
      #expect(moved.contains { $0.key.hasPrefix("model.") })

      let (loaded, images) = (try tiny.trained(), try tiny.strangers())
      live.train(false)
      let first = try loaded.probabilities(images).floats()
      #expect(try first == live.probabilities(images).floats())
      #expect(try first == loaded.probabilities(images).floats())
    }

    @Test("Every peer trains otherwise than the baseline with the same seed", arguments: MethodChoice.peers)
    func differs(method: MethodChoice) throws {
      let (peer, baseline) = (try Self.tiny(method, epochs: 1), try Self.tiny(.baseline, epochs: 1))
      // Draws of a single epoch are few, so that nothing is left to chance.
      if try method.json.leaves["probability"] != nil {
        try peer.configuration.set("model.options.probability=1")
      }
      if try method.json.leaves["interval"] != nil { try peer.configuration.set("model.options.interval=1") }
      try peer.trainer().trainer.train()
      try baseline.trainer().trainer.train()
      #expect(try peer.metrics().map(\.loss) != baseline.metrics().map(\.loss))
    }

    @Test(
      "Above a frozen tower features are kept, but for a method that changes images",
      arguments: MethodChoice.peers)
    func frozen(method: MethodChoice) throws {
      let tiny = try Self.tiny(method, epochs: 1)
      tiny.configuration.tune = .none
      tiny.configuration.augmentation = .none
      // A method that ignores the tower has no use for its features.
      let isCached = !method.traits.changesImages && !method.traits.ignoresTower
      #expect(tiny.configuration.cachesFeatures == isCached)
      try tiny.trainer(cachingFeatures: isCached).trainer.train()
      #expect(try tiny.metrics().allSatisfy { $0.loss.isFinite })
    }

    @Test("The names of the classes are stored for methods that learn prompts alone")
    func words() throws {
      for (method, learnsPrompts) in [(MethodChoice(BiomedCoOp.self), true), (.baseline, false)] {
        let tiny = try Self.tiny(method, epochs: 1)
        let (_, system) = try tiny.trainer()
        try system.saveWeights(to: tiny.run.weightsFile)
        let loaded = try tiny.trained()
        let wanted = ClassWords(try TinyRun.prompts.get())
        #expect(loaded.model.text.words == (learnsPrompts ? wanted : nil))
      }
    }

    @Test("Weights without the names of the classes are refused with the fix")
    func wordless() throws {
      let tiny = try Self.tiny(MethodChoice(StyLIP.self), epochs: 1)
      let text = try Self.refusal(of: tiny, words: nil)
      #expect(text.hasPrefix(tiny.run.weightsFile.path), "\(text)")
      #expect(text.contains("stylip") && text.contains("train the run again"), "\(text)")
    }

    @Test("Names of the classes that are damaged, too many or too long are refused")
    func otherWords() throws {
      let tiny = try Self.tiny(MethodChoice(BiomedCoOp.self), epochs: 1)
      let names = try TinyRun.prompts.get().classes
      func json(_ classes: [String], _ normal: [String]) throws -> String {
        try ClassWords(modality: "endoscopy", classes: classes, normal: normal).json
      }
      let long = String(repeating: "a", count: 1_000_000)
      for words in try [
        "[1]", json(Array(names.dropLast()), ["normal"]), json(names + ["scar"], ["normal"]),
        json((0..<20_000).map { "c\($0)" }, ["normal"]), json(names, []), json(names, [long]),
        json(Array(names.dropLast()) + [long], ["normal"]),
        json(names, (0..<200_000).map { "n\($0)" }),
      ] {
        let text = try Self.refusal(of: tiny, words: words)
        #expect(text.hasPrefix(tiny.run.weightsFile.path), "\(text.suffix(500))")
        #expect(text.contains("do not fit") && text.utf8.count < 1000, "\(text.suffix(500))")
      }
      #expect(try Self.refusal(of: tiny, words: json(names, ["normal"])).isEmpty)
    }

    /// The message when a run with these words in its weights file is opened.
    private static func refusal(of tiny: TinyRun, words: String?) throws -> String {
      try? FileManager.default.removeItem(at: tiny.run.url)
      let (_, system) = try tiny.trainer()
      let tensors = system.state().merging(system.model.text.tensors) { first, _ in first }
      var metadata = ["format": "mcdrl-run"]
      metadata["words"] = words
      try SafetensorsFile.write(tensors, metadata: metadata, to: tiny.run.weightsFile)
      return message { _ = try tiny.trained() }
    }

    /// Loads the CLIP model of settings, and doubles a weight of its text tower if wanted.
    private static func loader(changingWords: Bool) -> ClipLoader {
      ClipLoader(making: { configuration in
        let clip = try ClipLoader()(configuration)
        let weight = try #require(clip.text.parameters().first).tensor
        if changingWords { try withoutGradients { _ = try weight.assign(weight * 2) } }
        return clip
      })
    }

    @Test("A text tower other than that of the training is refused", arguments: [true, false])
    func otherTextTower(lazily: Bool) throws {
      let tiny = try Self.tiny(MethodChoice(BiomedCoOp.self), epochs: 1)
      let (_, system) = try tiny.trainer()
      try system.saveWeights(to: tiny.run.weightsFile)
      func open(changingWords: Bool) throws {
        _ = try SegmentationSystem.trained(
          tiny.run, tiny.configuration, lazily: lazily, clip: Self.loader(changingWords: changingWords))
      }
      try open(changingWords: false)
      let text = message { try open(changingWords: true) }
      #expect(text.hasPrefix(TinyRun.clip) && text.contains(tiny.run.weightsFile.path), "\(text)")
      #expect(text.contains("text tower") && text.contains("train the run again"), "\(text)")
    }

    @Test("Another text tower is another frozen part for methods that learn prompts alone")
    func frozenTextTower() throws {
      for (method, learnsPrompts) in [(MethodChoice(StyLIP.self), true), (.baseline, false)] {
        let tiny = try Self.tiny(method)
        let hashes = try [false, true].map { changingWords in
          try SegmentationSystem.fresh(
            tiny.configuration, prompts: TinyRun.prompts.get(),
            clip: Self.loader(changingWords: changingWords)(tiny.configuration)
          ).frozenWeightsHash()
        }
        #expect((hashes[0] != hashes[1]) == learnsPrompts)
      }
    }

    @Test("An option that a method lacks is named with those it has")
    func unknownOption() throws {
      let tiny = try Self.tiny(MethodChoice(CORAL.self))
      let text = message { try tiny.configuration.set("model.options.rho=1") }
      #expect(text.contains("model.options.rho") && text.contains("pooled, weight"), "\(text)")
    }
  }
}
