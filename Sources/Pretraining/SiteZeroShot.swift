import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Segmentation
import Torch

/// The zero-shot scores of a CLIP model on the images of one site.
package struct SiteZeroShot: Codable, Equatable, Sendable {
  /// The site.
  package let site: String
  /// The number of images.
  package let count: Int
  /// The number of images with a lesion.
  package let withLesion: Int
  /// AUC of "nearest class before normal" against the presence of a lesion.
  ///
  /// Nil if all images have a lesion or none has.
  package let lesion: Double?
  /// AUC of the region score against the mask on the feature grid, mean over images with a lesion.
  ///
  /// Nil if no image has a lesion on the grid.
  package let localisation: Double?
  /// AUC of cos(·, z) for do(z)x against x, by confounder with a mechanism.
  package let confounders: [String: Double]
  /// The mean of these AUCs.
  package let meanConfounder: Double?

  enum CodingKeys: String, CodingKey {
    case site, lesion, localisation
    case count = "n"
    case withLesion = "with_lesion"
    case confounders = "confounder_auc"
    case meanConfounder = "mean_confounder_auc"
  }

  /// Scores the model on the images of a site; do(z) has a random strength from the range of z.
  ///
  /// - Parameters:
  ///   - clip: the model.
  ///   - site: the site; its test images count.
  ///   - prompts: the words and the mechanisms.
  ///   - dense: the dense extractor.
  ///   - seed: the seed of the interventions.
  ///   - progress: receives the number of finished images.
  /// - Throws: an error that names an unreadable file, `InterventionError`, or `TorchError`.
  package init(
    _ clip: CLIPModel, at site: Site, prompts: PromptSet, dense: DenseFeatures = .maskclip, seed: UInt64 = 0,
    progress: (Int) -> Void = { _ in }
  ) throws {
    let samples = site.testSamples
    let bank = try SampleBank(samples, reader: SampleReader(size: clip.preparation.size))
    let text = try TextEmbeddings(prompts) { try clip.textFeatures($0) }
    let region = try RegionSelection(RegionConfiguration())
    let interventions = Interventions(prompts)
    let generator = try Generator(seed: seed, for: "zero-shot", site.name)
    let mean = try Tensor(clip.preparation.mean.map(Float.init), shape: [1, 3, 1, 1])
    let deviation = try Tensor(clip.preparation.deviation.map(Float.init), shape: [1, 3, 1, 1])
    let tower = try clip.vision.compiled(for: .float32)

    var scores: (cosines: [Float], present: [Bool]) = ([], [])
    var located: [RegionLocalisation.Image] = []
    var plain: [[Float]] = []
    var changed = [[Float]](repeating: [], count: prompts.confounders.count)
    try inferenceMode {
      for start in stride(from: 0, to: samples.count, by: 32) {
        let (images, masks) = try bank.batch(Array(start..<min(samples.count, start + 32)))
        let features = try tower((images - mean) / deviation, dense: dense)
        let unit = try features.image.normalized()
        let classes = try unit.matmul(text.classes.transposed()).largest(1, dim: 1).values.squeezed(1)
        scores.cosines += try (classes - unit.matmul(text.normal.expandedDimension(1)).squeezed(1)).floats()
        scores.present += try masks.sum([1, 2, 3]).floats().map { $0 > 0 }
        let sizes = try features.dense.sizes(rank: 4, "the dense features")
        let score = try region.score(features.dense.reshaped([sizes[0], -1, sizes[3]]), text)
        located += try RegionLocalisation.Image.batch(
          score: score.reshaped([sizes[0], sizes[1], sizes[2]]), masks: masks,
          positions: region.positions(score))
        let near = try unit.matmul(text.confounders.transposed())
        plain += try (0..<sizes[0]).map { try near.selected(dim: 0, index: $0).floats() }
        for place in interventions.available {
          let strength = try Tensor.randomUniform([1], generator: generator).floats()[0]
          let range = prompts.confounders[place].strengthRange
          let done = try interventions.doing(
            place, strength: range.lowerBound + Double(strength) * (range.upperBound - range.lowerBound),
            images: images, masks: masks, generator: generator)
          let unit = try tower((done.images - mean) / deviation, dense: nil).image.normalized()
          changed[place] += try unit.matmul(text.confounders.selected(dim: 0, index: place)).floats()
        }
        progress(start + sizes[0])
      }
    }
    self.site = site.name
    count = samples.count
    withLesion = scores.present.filter(\.self).count
    lesion = AreaUnderCurve.of(scores.cosines, positive: scores.present)
    localisation = RegionLocalisation(located).area
    let areas = interventions.available.compactMap { place -> (String, Double)? in
      let (before, after) = (plain.map { $0[place] }, changed[place])
      return AreaUnderCurve.of(
        before + after, positive: before.map { _ in false } + after.map { _ in true }
      ).map { (prompts.confounders[place].name, $0) }
    }
    confounders = Dictionary(areas, uniquingKeysWith: { first, _ in first })
    meanConfounder = areas.isEmpty ? nil : areas.map(\.1).reduce(0, +) / Double(areas.count)
  }
}
