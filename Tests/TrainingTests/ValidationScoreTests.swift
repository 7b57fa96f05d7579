import Datasets
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// The score by which inner folds compare settings.
  @Suite("Validation score")
  struct ValidationScoreTests {
    private static func predictor(
      _ tiny: TinyRun, _ system: SegmentationSystem, _ changes: [String]
    ) throws -> Predictor {
      var settings = tiny.configuration
      for change in changes { try settings.set(change) }
      return Predictor(try system.compiled(for: .float32), settings, precision: .float32)
    }

    @Test("It counts the mean over the views at S, and neither scales nor the run's threshold")
    func views() throws {
      let tiny = try TinyRun(method: .baseline)
      let (_, system) = try tiny.trainer()
      system.train(false)
      // Random weights mark some pixels and leave others; the initial ones mark none.
      let generator = try Generator(seed: 2)
      try withoutGradients {
        for parameter in system.parameters() {
          let shape = parameter.tensor.shape
          try parameter.tensor.assign(Tensor.randomUniform(shape, low: -1, high: 1, generator: generator))
        }
      }
      let bank = try SampleBank(TinyRun.sites.get()[0].samples, reader: tiny.configuration.reader)
      let size = tiny.configuration.batchSize
      func wanted(_ symmetries: [Symmetry]) throws -> Double {
        let counts = try bank.overlaps(batchSize: size) { images, _ in
          try Tensor.stacked(
            symmetries.map { try $0.restored(system.probabilities($0.moved(images))) }
          ).mean([0])
        }
        return try #require(tiny.configuration.selection.score(counts, batchSize: size))
      }
      func score(_ changes: String...) throws -> Double {
        let predictor = try Self.predictor(tiny, system, changes)
        return try #require(try predictor.validationScore(on: bank))
      }
      let (plain, flipped) = (try wanted([.identity]), try wanted(Symmetry.flips))
      let effect = abs(plain - flipped)
      #expect(effect > 0)
      #expect(try score() == plain)
      // Passes of one batch and of four round otherwise, which turns single pixels.
      let averaged = try score("inference.flips=true")
      #expect(abs(averaged - flipped) < effect / 10)
      #expect(try score("inference.threshold=0.01", "inference.scales=[1, 2]") == plain)
    }
  }
}
