import Datasets
import Evaluation
import Foundation
import Imaging
import Training

/// The pictures of the demonstration's report, drawn by the models of one seed.
struct DemoGallery {
  let study: LeaveOneSiteOut
  let catalog: SiteCatalog
  let sweep: Sweep
  let seed: UInt64

  /// For each site the image at the median and the one on which the methods differ most; then one scene under every
  /// intervention, by the models of the first site.
  func examples(_ folds: [FoldResult]) throws -> [StudyReport.Example] {
    var examples: [StudyReport.Example] = []
    for (index, site) in catalog.sites.enumerated() {
      let own = study.folds.filter { $0.site == site.name && $0.seed == seed }
      let models = try own.map { fold in
        (fold.arm.name, try segmenter(fold), folds.first { $0.isOf(fold) }?.images ?? [])
      }
      guard let first = models.first, let last = models.last, !first.2.isEmpty else { continue }
      let pairs = zip(first.2, last.2).map { ($0.scores.dice, $1.scores.dice) }
      let order = pairs.indices.sorted { pairs[$0].0 + pairs[$0].1 < pairs[$1].0 + pairs[$1].1 }
      let apart = pairs.indices.max { abs(pairs[$0].0 - pairs[$0].1) < abs(pairs[$1].0 - pairs[$1].1) }
      for (what, row) in [("median", order[order.count / 2]), ("largest disagreement", apart ?? 0)] {
        let sample = site.testSamples[row]
        examples.append(
          StudyReport.Example(
            text: "\(site.name), \(what): \(sample.lesionClass ?? "no lesion")",
            pictures: try [("reference", try picture(sample, nil))]
              + models.map { name, segmenter, images in
                (
                  "\(name), Dice \(format(images[row].scores.dice, 2))",
                  try picture(sample, segmenter)
                )
              }))
      }
      if index == 0, let scene = sweep.scenes.first {
        for (name, segmenter, _) in models {
          examples.append(
            StudyReport.Example(
              text: "one scene under each intervention, \(name)",
              pictures: try ([scene.base] + scene.interventions).map { picture in
                (picture.intervention, try self.picture(sweep.sample(picture), segmenter))
              }))
        }
      }
    }
    return examples
  }

  private func segmenter(_ fold: LeaveOneSiteOut.Fold) throws -> Segmenter {
    let (system, settings) = try RunAssembly.trained(study.directory(fold))
    return Segmenter(system, reader: settings.reader)
  }

  /// An image with the reference in blue and, with a segmenter, its prediction in yellow.
  private func picture(_ sample: Sample, _ segmenter: Segmenter?) throws -> Image {
    let image = try ImageFile.read(sample.image)
    func drawing(_ mask: BinaryMask) throws -> Image {
      try Image(width: mask.width, height: mask.height, channels: 1, pixels: mask.pixels.map { $0 * 255 })
    }
    guard let segmenter else {
      let reference = try sample.mask.map { try MaskFile.read($0, as: .grey) }
      return try Overlay.draw(
        reference.map { [Overlay.Layer(mask: $0, colour: .reference)] } ?? [], over: image)
    }
    let masks = try segmenter.masks(sample)
    return try Overlay.draw(
      prediction: drawing(masks.prediction), reference: drawing(masks.reference), over: image)
  }
}

extension FoldResult {
  /// Whether it is the result of a fold.
  fileprivate func isOf(_ fold: LeaveOneSiteOut.Fold) -> Bool {
    site == fold.site && method == fold.arm.name && seed == fold.seed
  }
}
