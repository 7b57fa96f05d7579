import Foundation
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Tensors of earlier versions")
  struct EarlierTensorTests {
    /// The keys that an earlier version stored a tensor of a run under.
    private static func earlier(_ key: String) -> String {
      for (present, earlier) in [
        ("model.method.intervention.", "model.intervention."), ("model.method.fill", "model.fill"),
        ("model.dictionary.constant", "model.constant"), ("model.dictionary.prior", "prior"),
      ] where key.hasPrefix(present) { return earlier + key.dropFirst(present.count) }
      return key
    }

    private func rename(_ file: URL, _ name: (String) -> String) throws -> [String] {
      let stored = try SafetensorsFile(file)
      let tensors = try stored.tensors().map { (name($0.key), try $0.value.copy()) }
      try SafetensorsFile.write(
        Dictionary(uniqueKeysWithValues: tensors), metadata: stored.metadata, to: file)
      return tensors.map(\.0)
    }

    private func tiny(_ dictionary: DictionaryKind) throws -> TinyRun {
      let tiny = try TinyRun(epochs: 2)
      tiny.configuration.mcdrlOptions.start = 0
      tiny.configuration.mcdrlOptions.region?.fill = .learned
      tiny.configuration.interventions.prior = .estimated
      if dictionary == .constant { tiny.configuration.mcdrlOptions.intervention?.dictionary = .constant }
      return tiny
    }

    enum DictionaryKind: CaseIterable { case words, constant }

    @Test("Weights under earlier keys give the same outputs", arguments: DictionaryKind.allCases)
    func weights(dictionary: DictionaryKind) throws {
      let tiny = try tiny(dictionary)
      try tiny.trainer().trainer.train()
      let images = try tiny.strangers()
      let wanted = try tiny.trained()
      let keys = try rename(tiny.run.weightsFile, Self.earlier)
      #expect(keys.contains("prior") && keys.contains("model.fill"))
      #expect(keys.contains("model.constant") == (dictionary == .constant))
      #expect(
        keys.contains { $0.hasPrefix("model.intervention.") }
          && !keys.contains { $0.hasPrefix("model.method") })
      for lazily in [false, true] {
        let found = try tiny.trained(lazily: lazily)
        let gap = try difference(found.probabilities(images), wanted.probabilities(images))
        // What stays in the file lies otherwise in memory there, which rounds products by a bit.
        #expect(lazily ? gap < 1e-6 : gap == 0, "\(gap)")
        #expect(try found.model.dictionary.prior.isEqual(to: wanted.model.dictionary.prior))
      }
    }

    @Test("A baseline under earlier keys gives the same outputs")
    func baseline() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      let images = try tiny.strangers()
      let wanted = try tiny.trained().probabilities(images)
      #expect(try rename(tiny.run.weightsFile, Self.earlier).contains("prior"))
      #expect(try tiny.trained().probabilities(images).isEqual(to: wanted))
    }

    @Test("A state under earlier keys is resumed to the same end", arguments: DictionaryKind.allCases)
    func state(dictionary: DictionaryKind) throws {
      let (whole, parts) = (try tiny(dictionary), try tiny(dictionary))
      try whole.trainer().trainer.train()
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) { try parts.train(stopAfter: 4) }
      let keys = try rename(parts.run.stateFile) { key in
        for part in ["weights.", "optimizer."] where key.hasPrefix(part) {
          return part + Self.earlier(String(key.dropFirst(part.count)))
        }
        return key
      }
      #expect(keys.contains("weights.prior") && keys.contains("weights.model.fill"))
      #expect(keys.contains("optimizer.model.fill.exp_avg"))
      #expect(!keys.contains { $0.contains("model.method") })
      _ = try rename(parts.run.weightsFile, Self.earlier)
      try parts.trainer(resuming: true).trainer.train()
      #expect(try whole.stateTensors() == parts.stateTensors())
      #expect(try whole.metrics() == parts.metrics())
    }
  }
}
