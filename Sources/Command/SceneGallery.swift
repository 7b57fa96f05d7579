import Datasets
import Foundation
import Imaging
import Reporting
import Studies
import Training

/// One scene under every intervention, as the models of the first held-out site see it.
struct SceneGallery {
  let study: LeaveOneSiteOut
  let sweep: Sweep
  let seed: UInt64

  /// A row of pictures for each method.
  var examples: [StudyReport.Example] {
    get throws {
      guard let site = study.catalog.sites.first, let scene = sweep.scenes.first else { return [] }
      return try study.folds.filter { $0.site == site.name && $0.seed == seed }.map { fold in
        let (system, settings) = try RunAssembly.compiled(study.directory(fold))
        let segmenter = Segmenter(system, reader: settings.reader)
        return StudyReport.Example(
          text: "one scene under each intervention, \(fold.arm.name)",
          pictures: try ([scene.base] + scene.interventions).map { picture in
            (picture.intervention, try self.picture(sweep.sample(picture), segmenter))
          })
      }
    }
  }

  /// An image with the reference in blue and the prediction in yellow.
  private func picture(_ sample: Sample, _ segmenter: Segmenter) throws -> Image {
    let masks = try segmenter.masks(sample)
    return try Overlay.draw(
      prediction: masks.prediction.image, reference: masks.reference.image,
      over: ImageFile.read(sample.image))
  }
}
