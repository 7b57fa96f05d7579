import Foundation
import Metrics
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  @Test("one forward pass gives the scores, the polyp protocol and the calibration of a sample")
  func assesses() throws {
    let tiny = try TinyRun()
    let system = try tiny.trainer().system.compiled()
    func predictor(_ threshold: MaskThreshold = 0.5) -> Predictor {
      Predictor(system, tiny.configuration, precision: .float32, threshold: threshold)
    }
    let sample = try #require(try TinyRun.sites.get().last?.samples.first)
    let probability = try predictor().probability(of: sample.image).doubles()
    // An untrained model is sure of nothing, so the middle of what it says is where it is cut.
    let threshold = probability.sorted()[probability.count / 2]
    let assessment = try predictor(.fixed(threshold)).assess(sample, tolerance: 1)
    let masks = try predictor(.fixed(threshold)).masks(sample)
    let scores = try ImageScores(prediction: masks.prediction, reference: masks.reference, tolerance: 1)
    #expect(assessment.scores == scores)
    #expect(!assessment.scores.predictionIsEmpty)

    let reference = masks.reference.pixels.map(Double.init)
    let brier = zip(probability, reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 1024
    #expect(abs((assessment.reliability.summary.brier ?? -1) - brier) < 1e-9)
    #expect(assessment.reliability.summary.pixels == 1024 && assessment.polyp.summary.count == 1)

    let (low, high) = (probability.min() ?? 0, probability.max() ?? 0)
    let error = zip(probability, reference).reduce(0) {
      $0 + abs(((($1.0 - low) / (high - low)) * 255).rounded() / 255 - $1.1)
    }
    #expect(abs((assessment.polyp.summary.all?.absoluteError ?? -1) - error / 1024) < 1e-9)

    let inMillimetres = try predictor().assess(
      sample, tolerance: 1, spacing: PixelSpacing(x: 0.1, y: 0.1))
    #expect(inMillimetres.scores.distanceUnit == .millimetres)
    let decoded = try JSONDecoder().decode(ImageAssessment.self, from: JSONEncoder().encode(assessment))
    #expect(decoded == assessment)
  }
}
