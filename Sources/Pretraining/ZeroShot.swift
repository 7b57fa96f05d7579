import CLIP
import Confounders
import Foundation
import Metrics
import Segmentation
import SyntheticEndoscopy
import Torch

/// What a CLIP model knows of the embedded world without any training for it; on pictures that it never saw.
package struct ZeroShot: Codable, Equatable, Sendable {
  /// How well region scores find lesions on the feature grid, as `RegionLocalisation` has it.
  package struct Localisation: Codable, Equatable, Sendable {
    /// The dense extractor.
    package let extractor: String
    /// By what S^ is made of, with the other settings as they are by default: AUC of score against mask, mean
    /// over pictures with a lesion.
    package let areas: [String: Double]

    enum CodingKeys: String, CodingKey {
      case extractor
      case areas = "auc"
    }
  }

  /// Pictures.
  package let count: Int
  /// The number of the first picture in the stream of captioned draws.
  package let first: Int
  /// The world's seed.
  package let seed: UInt64
  /// S.
  package let size: Int
  /// Share of pictures whose class, or normal, is found by the nearest sentence.
  package let classAccuracy: Double
  /// What guessing reaches.
  package let chance: Double
  /// The same by class.
  package let accuracyByClass: [String: Double]
  /// AUC of cos(x, z) against the confounder's presence.
  package let confounders: [String: Double]
  /// Their mean.
  package let meanConfounder: Double
  /// By extractor.
  package let localisation: [Localisation]

  enum CodingKeys: String, CodingKey {
    case count = "n"
    case first, seed, size, chance, localisation
    case classAccuracy = "class_accuracy"
    case accuracyByClass = "accuracy_by_class"
    case confounders = "confounder_auc"
    case meanConfounder = "mean_confounder_auc"
  }

  /// The first picture of the tests: far beyond any that training renders.
  package static let firstTestPicture = 10_000_000

  /// Renders pictures and asks the model.
  ///
  /// - Parameters:
  ///   - clip: the model.
  ///   - prompts: the words.
  ///   - count: pictures.
  ///   - first: the number of the first.
  ///   - seed: of the world.
  ///   - progress: told how many are done.
  /// - Throws: `PromptError` when the prompts lack a class or confounder of the world, `TorchError` when memory does
  ///   not suffice.
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
            // Never cut: the mask is of the whole picture.
            try clip.preparation.squashed(
              Tensor($0.image.pixels, shape: [size, size, 3]).permuted([2, 0, 1]).contiguous())
          })
        let masks = try Tensor.stacked(
          renderings.map {
            try Tensor($0.mask.pixels, shape: [1, size, size]).greater(than: 127).to(.float32)
          })
        var image: Tensor?
        for extractor in DenseFeatures.allCases {
          let features = try clip.vision(pixels, dense: extractor)
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
