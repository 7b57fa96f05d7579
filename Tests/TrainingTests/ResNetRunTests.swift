import CLIP
import Datasets
import Foundation
import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  /// Runs on a ResNet of random weights, whose stages have widths and grids of their own.
  @Suite("ResNet runs")
  struct ResNetRunTests {
    private func tiny(_ change: (inout RunConfiguration) throws -> Void = { _ in }) throws -> TinyRun {
      let run = try TinyRun(epochs: 1)
      try run.run.create()
      let geometry = run.run.url.appendingPathComponent("resnet.json")
      try Data(
        #"""
        {"projection_dim": 16,
         "vision_config": {"resnet_layers": [1, 1, 1, 1], "hidden_size": 128, "num_attention_heads": 2,
                           "image_size": 32},
         "text_config": {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
                         "num_attention_heads": 2, "vocab_size": 514}}
        """#.utf8
      ).write(to: geometry)
      run.configuration.clip = "random:\(geometry.path)"
      run.configuration.imageSize = 64
      try run.configuration.set("model.head.towerLayers=[1,3,4]")
      try change(&run.configuration)
      return run
    }

    @Test("A ResNet trains, stage outputs and all, and its finished run gives the live probabilities")
    func trains() throws {
      let tiny = try tiny()
      let (trainer, live) = try tiny.trainer()
      let before = try live.state().mapValues { try $0.copy() }
      try trainer.train()
      // Random weights have no statistics worth keeping, so training learns them with all else.
      for (key, tensor) in live.state() where key.hasPrefix("tower.") {
        #expect(try !tensor.isEqual(to: #require(before[key])), "\(key)")
      }
      let loaded = try tiny.trained()
      let images = try tiny.strangers()
      live.train(false)
      // Convolutions of equal weights round apart by a bit when their memory is aligned otherwise.
      let gaps = zip(try loaded.probabilities(images).floats(), try live.probabilities(images).floats())
      #expect(gaps.allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test(
      "Stored statistics stay as they are, or follow the batches on request",
      arguments: TowerStatistics.allCases)
    func statistics(_ statistics: TowerStatistics) throws {
      let tiny = try tiny { $0.statistics = statistics }
      let clip = try ClipLoader()(tiny.configuration)
      clip.vision.learnsStatistics = false  // as if a folder had stored them
      let system = try SegmentationSystem.fresh(
        tiny.configuration, prompts: TinyRun.prompts.get(), clip: clip)
      system.train()
      let before = try clip.vision.buffers().map { try $0.tensor.copy() }
      _ = try system(tiny.strangers())
      let stayed = try zip(before, clip.vision.buffers()).allSatisfy { try $0.isEqual(to: $1.tensor) }
      #expect(stayed == (statistics == .pretrained))
    }

    @Test("last-1 trains the last stage and the attention pool and nothing before")
    func lastStage() throws {
      let tiny = try tiny { $0.tune = .last(1) }
      let (trainer, live) = try tiny.trainer()
      let weights = { live.state().filter { $0.key.hasPrefix("tower.") && !$0.key.contains("running_") } }
      let before = try weights().mapValues { try $0.copy() }
      try trainer.train()
      for (key, tensor) in weights() {
        let isLast = key.contains("visual.layer4.") || key.contains("visual.attnpool.")
        #expect(try tensor.isEqual(to: #require(before[key])) == !isLast, "\(key)")
      }
    }

    @Test(
      "Kept features of frozen stages give the losses of the whole network, whose statistics then stay",
      arguments: [.none, .last(1), .last(2)] as [Tuning])
    func kept(tune: Tuning) throws {
      let losses = try [false, true].map { caches in
        let tiny = try tiny {
          $0.tune = tune
          $0.augmentation = .none
          $0.interventions.variants = 1
        }
        return try tiny.losses(cachingFeatures: caches)
      }
      #expect(losses[0].count == 3)
      #expect(zip(losses[0], losses[1]).allSatisfy { abs($0 - $1) < 1e-3 }, "\(losses)")
    }

    @Test("A stage that the tower does not have is named with the number there are")
    func unknownStage() throws {
      let tiny = try tiny { try $0.set("model.head.towerLayers=[5]") }
      let text = message { _ = try tiny.trainer() }
      #expect(text.contains("head.towerLayers") && text.contains("5") && text.contains("1 to 4"), "\(text)")
    }
  }
}
