import CLIP
import Confounders
import Foundation
import Metrics
import Segmentation
import SyntheticEndoscopy
import Torch

/// The zero-shot scores of a CLIP model on the embedded world, on images that it never saw.
package struct ZeroShot: Codable, Equatable, Sendable {
  /// How well region scores find lesions on the feature grid; see `RegionLocalisation`.
  package struct Localisation: Codable, Equatable, Sendable {
    /// The dense extractor.
    package let extractor: String
    /// AUC of score against mask by source of S^, mean over images with a lesion.
    ///
    /// The other settings have their defaults.
    package let areas: [String: Double]

    enum CodingKeys: String, CodingKey {
      case extractor
      case areas = "auc"
    }
  }

  /// The number of images.
  package let count: Int
  /// The number of the first image in the stream of captioned draws.
  package let first: Int
  /// The seed of the world.
  package let seed: UInt64
  /// S.
  package let size: Int
  /// The share of images for which the nearest sentence gives the correct class, or normal.
  package let classAccuracy: Double
  /// The accuracy of a random guess.
  package let chance: Double
  /// The accuracy by class.
  package let accuracyByClass: [String: Double]
  /// AUC of cos(x, z) against the presence of the confounder, by confounder.
  package let confounders: [String: Double]
  /// The mean of these AUCs.
  package let meanConfounder: Double
  /// The localisation by extractor.
  package let localisation: [Localisation]

  enum CodingKeys: String, CodingKey {
    case count = "n"
    case first, seed, size, chance, localisation
    case classAccuracy = "class_accuracy"
    case accuracyByClass = "accuracy_by_class"
    case confounders = "confounder_auc"
    case meanConfounder = "mean_confounder_auc"
  }

  /// The number of the first test image; training never renders numbers so high.
  package static let firstTestPicture = 10_000_000

  /// Renders images and scores the model on them.
  ///
  /// - Parameters:
  ///   - clip: the model.
  ///   - prompts: the words.
  ///   - count: the number of images.
  ///   - first: the number of the first image.
  ///   - seed: the seed of the world.
  ///   - progress: receives the number of finished images.
  /// - Throws: `PromptError` if the prompts lack a class or confounder of the world, `TorchError`
  ///   if memory does not suffice.
  package init(
    _ clip: CLIPModel, prompts: PromptSet, count: Int = 1000, from first: Int = firstTestPicture,
    seed: UInt64 = 0, progress: (Int) -> Void = { _ in }
  ) throws {
    try prompts.requireNames(of: World.self)
    let size = clip.preparation.size
    let world = World(seed: seed)
    let renderer = Renderer(size: size)
    let text = try TextEmbeddings(prompts) { try clip.textFeatures($0) }
    let selections = try RegionScore.allCases.map { score in
      var region = RegionConfiguration()
      region.score = score
      return try RegionSelection(region)
    }
    let names = prompts.classes + ["normal"]
    let sentences = try Tensor.concatenated([text.classes, text.normal.expandedDimension(0)], dim: 0)

    let tower = try clip.vision.compiled(for: .float32)
    // Extractors differ in the last layer alone.
    let depth = clip.vision.depth(beforeLast: 1)

    var hits: [String: [Double]] = [:]
    var cosines: [[Float]] = prompts.confounders.map { _ in [] }
    var present: [[Bool]] = prompts.confounders.map { _ in [] }
    var found: [DenseFeatures: [RegionScore: [RegionLocalisation.Image]]] = [:]
    try inferenceMode {
      for start in stride(from: 0, to: count, by: 50) {
        let draws = (start..<min(count, start + 50)).map { world.captioned(first + $0) }
        let renderings = try renderer.render(draws)
        let pixels = try Tensor.stacked(
          renderings.map {
            // The image is never cropped: the mask covers the whole image.
            try clip.preparation.squashed(
              Tensor($0.image.pixels, shape: [size, size, 3]).permuted([2, 0, 1]).contiguous())
          })
        let masks = try Tensor.stacked(
          renderings.map {
            try Tensor($0.mask.pixels, shape: [1, size, size]).greater(than: 127).to(.float32)
          })
        var image: Tensor?
        let trunk = try tower.trunk(pixels, depth: depth)
        for extractor in DenseFeatures.allCases {
          let features = try tower(trunk, dense: extractor)
          image = features.image
          let sizes = try features.dense.sizes(rank: 4, "the dense features")
          let positions = try features.dense.reshaped([sizes[0], -1, sizes[3]])
          for selection in selections {
            let score = try selection.score(positions, text)
            found[extractor, default: [:]][selection.configuration.score, default: []] +=
              try RegionLocalisation.Image.batch(
                score: score.reshaped([sizes[0], sizes[1], sizes[2]]), masks: masks,
                positions: selection.positions(score))
          }
        }
        guard let unit = try image?.normalized() else { continue }
        let nearest = try unit.matmul(sentences.transposed()).argmax(dim: 1).array(of: Int.self)
        let near = try unit.matmul(text.confounders.transposed())
        for (row, draw) in draws.enumerated() {
          let truth = draw.lesion?.rawValue ?? "normal"
          hits[truth, default: []].append(names[nearest[row]] == truth ? 1 : 0)
          let values = try near.selected(dim: 0, index: row).floats()
          for (index, confounder) in prompts.confounders.enumerated() {
            cosines[index].append(values[index])
            present[index].append(draw.visibleConfounders.contains { $0.rawValue == confounder.name })
          }
        }
        progress(start + draws.count)
      }
    }

    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    self.count = count
    self.first = first
    self.seed = seed
    self.size = size
    classAccuracy = mean(Array(hits.values.joined())) ?? 0
    chance = 1 / Double(names.count)
    accuracyByClass = hits.compactMapValues(mean)
    let areaByName = zip(prompts.confounders, zip(cosines, present)).compactMap { confounder, cases in
      AreaUnderCurve.of(cases.0, positive: cases.1).map { (confounder.name, $0) }
    }
    confounders = Dictionary(areaByName, uniquingKeysWith: { first, _ in first })
    meanConfounder = mean(areaByName.map(\.1)) ?? 0
    localisation = DenseFeatures.allCases.map { extractor in
      let areas = (found[extractor] ?? [:]).compactMap { score, images in
        RegionLocalisation(images).area.map { (score.rawValue, $0) }
      }
      return Localisation(
        extractor: extractor.rawValue, areas: Dictionary(areas, uniquingKeysWith: { first, _ in first }))
    }
  }
}
