import CLIP
import Foundation
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  @Suite("Runs on an image trunk without words")
  struct TrunkRunTests {
    /// Writes a trunk with random weights, as scripts/get-trunk writes one with trained weights.
    private static func write(to folder: URL) throws -> [String: Tensor] {
      var geometry = CLIPConfiguration()
      (geometry.vision.trunk, geometry.vision.imageSize) = ("tf_efficientnet_lite0", 64)
      (geometry.projectionSize, geometry.text.layers) = (8, 1)
      let clip = try CLIPModel(
        geometry, tokenizer: .bytes(), preparation: ImagePreparation(size: 64), seed: 3)
      let prefix = "visual.trunk."
      let weights = clip.state().filter { $0.key.hasPrefix(prefix) }
      let named = Dictionary(
        uniqueKeysWithValues: weights.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
      try SafetensorsFile.write(
        named, metadata: [:], to: folder.appendingPathComponent("model.safetensors"))
      try Data(#"{"architecture": "tf_efficientnet_lite0.in1k"}"#.utf8).write(
        to: folder.appendingPathComponent("config.json"))
      return weights
    }

    private static func run(_ method: MethodChoice, on folder: URL) throws -> TinyRun {
      let tiny = try TinyRun(method: method, epochs: 1)
      tiny.configuration.clip = folder.path
      tiny.configuration.imageSize = 64
      return tiny
    }

    @Test("The baseline trains on the trunk's weights, and its run says that it has no words")
    func trains() throws {
      let place = try TemporaryFolder("trunk")
      let folder = place.url
      let weights = try Self.write(to: folder)
      let tiny = try Self.run(.baseline, on: folder)
      let (trainer, system) = try tiny.trainer()
      let started = system.state().filter { $0.key.contains("visual.trunk.") }
      #expect(started.count == weights.count)
      for (key, tensor) in started {
        let own = try #require(weights.first { key.hasSuffix($0.key) }, "\(key)")
        #expect(try tensor.isEqual(to: own.value), "\(key)")
      }
      try trainer.train()
      #expect(try !ClipDescription(tiny.run).hasWords)
      let images = try tiny.strangers()
      system.train(false)
      #expect(try tiny.trained().probabilities(images).floats() == system.probabilities(images).floats())
    }

    @Test("Whatever reads words refuses the trunk and names the command that makes them")
    func refuses() throws {
      let place = try TemporaryFolder("trunk")
      let folder = place.url
      _ = try Self.write(to: folder)
      func refusal(_ method: MethodChoice, _ settings: String...) throws -> String {
        let tiny = try Self.run(method, on: folder)
        for setting in settings { try tiny.configuration.set(setting) }
        return message { _ = try tiny.trainer() }
      }
      let command = "mcdrl clip pretrain --trunk \(folder.path)"
      let mcdrl = try refusal(.mcdrl)
      #expect(mcdrl.contains("the method mcdrl reads them") && mcdrl.contains(command), "\(mcdrl)")
      let styles = try refusal(.baseline, "interventions.styles=all", "interventions.share=1")
      #expect(styles.contains("interventions.styles=all reads them"), "\(styles)")
      let prior = try refusal(.baseline, "interventions.prior=estimated")
      #expect(prior.contains("interventions.prior=estimated reads them"), "\(prior)")
      #expect(try refusal(.baseline, "interventions.share=1") == "")
    }

    @Test("A run with words says so, also one of an earlier version")
    func hasWords() throws {
      let clip = try ClipLoader()(TinyRun(method: .baseline).configuration)
      let written = try JSONEncoder().encode(ClipDescription(clip))
      #expect(try JSONDecoder().decode(ClipDescription.self, from: written).hasWords)
      #expect(!String(decoding: written, as: UTF8.self).contains("\"words\""))
    }
  }
}
