import Confounders
import Torch
import Training

extension StudyFigures {
  /// Computes the weight of each confounder at each site, with the model that did not see it.
  func attentionFigure(
    _ runs: [Run], _ features: FeatureStore?, fingerprint: String
  ) throws -> AttentionFigure {
    let samples = spread(try runs.map { try catalog.site($0.result.site).testSamples })
    images.expect(samples.reduce(0) { $0 + $1.count })
    let rows = try Self.inParallel(runs.count) { index in
      let (run, samples) = (runs[index], samples[index])
      let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
      var weights: [Tensor] = []
      try eachRepresentation(samples, system, settings.reader, features) { representation in
        if let attention = representation.attention { weights.append(try attention.mean([1])) }
      }
      let images = try Tensor.concatenated(weights, dim: 0).to(.float64)
      return AttentionFigure.Row(
        site: run.result.site, count: samples.count, mean: try images.mean([0]).doubles(),
        deviation: try images.variance([0], correction: 0).squareRoot().doubles())
    }
    return AttentionFigure(
      fingerprint: fingerprint, method: candidate, seed: runs.first?.result.seed ?? seed,
      confounders: runs.first?.run.prompts.confounders.map(\.name) ?? [], rows: rows)
  }
}
