import Datasets
import Foundation
import Imaging
import Reporting
import Studies
import Training

/// One scene under every intervention, with masks by the models of the first held-out site.
struct SceneGallery {
  let study: LeaveOneSiteOut
  let sweep: Sweep
  let seed: UInt64

  /// The examples of the report: a row of images for each method.
  var examples: [StudyReport.Example] {
    get throws {
      guard let site = study.catalog.sites.first, let scene = sweep.scenes.first else { return [] }
      return try study.folds.filter { $0.site == site.name && $0.seed == seed }.map { fold in
        let predictor = try study.run(fold).predictor()
        return StudyReport.Example(
          text: "one scene under each intervention, \(fold.arm.name)",
          pictures: try ([scene.base] + scene.interventions).map { picture in
            (picture.intervention, try self.picture(sweep.sample(picture), predictor))
          })
      }
    }
  }

  /// Draws an image with the reference in blue and the prediction in yellow.
  private func picture(_ sample: Sample, _ predictor: Predictor) throws -> Image {
    let masks = try predictor.masks(sample)
    return try Overlay.draw(
      prediction: masks.prediction.image, reference: masks.reference.image,
      over: ImageFile.read(sample.image))
  }
}
