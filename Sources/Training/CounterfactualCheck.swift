import Datasets
import Evaluation
import Torch

extension Segmenter {
  /// Segments every picture of a sweep and compares each scene with and without every intervention.
  ///
  /// - Parameters:
  ///   - sweep: the scenes.
  ///   - threshold: from which probability on a pixel is lesion.
  ///   - progress: told how many scenes are done.
  /// - Returns: one case for each scene and intervention.
  /// - Throws: an error that names the file.
  public func counterfactualCases(
    _ sweep: Sweep, threshold: Double = 0.5, progress: (Int) -> Void = { _ in }
  ) throws -> [Counterfactual.Case] {
    var cases: [Counterfactual.Case] = []
    for (index, scene) in sweep.scenes.enumerated() {
      let before = try masks(sweep.sample(scene.base), threshold: threshold)
      for picture in scene.interventions {
        cases.append(
          Counterfactual.Case(
            scene: scene.name, confounder: picture.intervention, zoom: picture.zoom / scene.base.zoom,
            before: before, after: try masks(sweep.sample(picture), threshold: threshold)))
      }
      progress(index + 1)
    }
    return cases
  }
}
