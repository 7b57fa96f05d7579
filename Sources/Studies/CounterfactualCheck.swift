import Datasets
import Metrics
import Torch
import Training

extension Predictor {
  /// Segments every image of a sweep, and compares each scene with and without every intervention.
  ///
  /// Scenes are computed in parallel, each image alone.
  ///
  /// - Parameters:
  ///   - sweep: the scenes.
  ///   - scenes: which scenes, by their number; nil for all.
  ///   - features: cached features of the frozen layers for all images of the sweep, if any.
  ///   - progress: called with the number of finished scenes, from any thread.
  /// - Returns: one case for each scene and intervention.
  /// - Throws: an error that names the file.
  package func counterfactualCases(
    _ sweep: Sweep, scenes: Range<Int>? = nil, features: FeatureStore? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [Counterfactual.Case] {
    @Sendable func drawn(_ picture: Sweep.Picture) throws -> (prediction: BinaryMask, reference: BinaryMask) {
      let sample = sweep.sample(picture)
      return try masks(sample, cached: features?.cached([sample]))
    }
    let (chosen, done) = (Array(sweep.scenes[scenes ?? sweep.scenes.indices]), Tally())
    return try concurrentMap(count: chosen.count, on: device) { index in
      let scene = chosen[index]
      let before = try drawn(scene.base)
      let cases = try scene.interventions.map { picture in
        Counterfactual.Case(
          scene: scene.name, confounder: picture.intervention, zoom: picture.zoom / scene.base.zoom,
          before: before, after: try drawn(picture))
      }
      progress(done.add())
      return cases
    }.flatMap { $0 }
  }

  /// Scores images as they are and under do(z) of each of several confounders, in parallel (ours).
  ///
  /// - Parameters:
  ///   - samples: the images of a site, with their references.
  ///   - plan: the interventions.
  ///   - processes: the processes that share the images.
  ///   - progress: called with the number of this process's finished images, from any thread.
  /// - Returns: the scores of each image, in the order of `plan.confounders`.
  /// - Throws: an error that names the file, or `InterventionError`.
  package func counterfactualScores(
    _ samples: [Sample], under plan: InterventionPlan, _ processes: Processes = .alone,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [[Counterfactual.Score]] {
    let done = Tally()
    return try processes.inParts(count: samples.count) { part in
      try concurrentMap(count: part.count, on: device) { index in
        let sample = samples[part.lowerBound + index]
        let scores = try self.masks(sample, under: plan) { changed in
          let (before, after) = (changed.before, changed.after)
          return Counterfactual.Score(
            scene: sample.id, confounder: changed.confounder,
            agreement: try OverlapCounts(prediction: changed.movedPrediction, reference: after.prediction)
              .iou,
            before: try OverlapCounts(prediction: before.prediction, reference: before.reference),
            after: try OverlapCounts(prediction: after.prediction, reference: after.reference))
        }
        progress(done.add())
        return scores
      }
    }
  }
}
