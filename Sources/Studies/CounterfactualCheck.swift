import Datasets
import Metrics
import Torch
import Training

extension Predictor {
  /// Segments every image of a sweep, and compares each scene with and without every intervention.
  ///
  /// - Parameters:
  ///   - sweep: the scenes.
  ///   - features: cached features of the frozen layers for all images of the sweep, if any.
  ///   - progress: receives the number of finished scenes.
  /// - Returns: one case for each scene and intervention.
  /// - Throws: an error that names the file.
  package func counterfactualCases(
    _ sweep: Sweep, features: FeatureStore? = nil, progress: (Int) -> Void = { _ in }
  ) throws -> [Counterfactual.Case] {
    func drawn(_ picture: Sweep.Picture) throws -> (prediction: BinaryMask, reference: BinaryMask) {
      let sample = sweep.sample(picture)
      return try masks(sample, cached: features?.cached([sample]))
    }
    var cases: [Counterfactual.Case] = []
    for (index, scene) in sweep.scenes.enumerated() {
      let before = try drawn(scene.base)
      for picture in scene.interventions {
        cases.append(
          Counterfactual.Case(
            scene: scene.name, confounder: picture.intervention, zoom: picture.zoom / scene.base.zoom,
            before: before, after: try drawn(picture)))
      }
      progress(index + 1)
    }
    return cases
  }

  /// Scores images as they are and under do(z) of each of several confounders, in parallel (ours).
  ///
  /// - Parameters:
  ///   - samples: the images of a site, with their references.
  ///   - plan: the interventions.
  ///   - progress: called with the number of finished images, from any thread.
  /// - Returns: the scores of each image, in the order of `plan.confounders`.
  /// - Throws: an error that names the file, or `InterventionError`.
  package func counterfactualScores(
    _ samples: [Sample], under plan: InterventionPlan, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [[Counterfactual.Score]] {
    let done = Tally()
    return try concurrentMap(count: samples.count, on: device) { index in
      let scores = try self.masks(samples[index], under: plan) { changed in
        let (before, after) = (changed.before, changed.after)
        return Counterfactual.Score(
          scene: samples[index].id, confounder: changed.confounder,
          agreement: try OverlapCounts(prediction: changed.movedPrediction, reference: after.prediction).iou,
          before: try OverlapCounts(prediction: before.prediction, reference: before.reference),
          after: try OverlapCounts(prediction: after.prediction, reference: after.reference))
      }
      progress(done.add())
      return scores
    }
  }
}
