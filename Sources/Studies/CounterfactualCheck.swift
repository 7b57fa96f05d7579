import Datasets
import Metrics
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
}
