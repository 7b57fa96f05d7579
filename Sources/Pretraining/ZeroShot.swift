import CLIP
import Evaluation
import Foundation
import MCDRL
import SyntheticEndoscopy
import Torch

/// What a CLIP model knows of the embedded world without any training for it; on pictures that it never saw.
public struct ZeroShot: Codable, Equatable, Sendable {
  /// How well a region score finds lesions: mean over pictures with a lesion of the AUC of score against mask.
  public struct Localisation: Codable, Equatable, Sendable {
    /// The dense extractor.
    public let extractor: String
    /// S^ = max_k S_k.
    public let classScore: Double?
    /// S^ = max_k S_k − S_normal.
    public let lessNormal: Double?

    enum CodingKeys: String, CodingKey {
      case extractor
      case classScore = "auc_class_score"
      case lessNormal = "auc_less_normal"
    }
  }

  /// Pictures.
  public let count: Int
  /// The number of the first picture in the stream of captioned draws.
  public let first: Int
  /// The world's seed.
  public let seed: UInt64
  /// S.
  public let size: Int
  /// Share of pictures whose class, or normal, is found by the nearest sentence.
  public let classAccuracy: Double
  /// What guessing reaches.
  public let chance: Double
  /// The same by class.
  public let accuracyByClass: [String: Double]
  /// AUC of cos(x, z) against the confounder's presence.
  public let confounders: [String: Double]
  /// Their mean.
  public let meanConfounder: Double
  /// By extractor.
  public let localisation: [Localisation]

  enum CodingKeys: String, CodingKey {
    case count = "n"
    case first, seed, size, chance, localisation
    case classAccuracy = "class_accuracy"
    case accuracyByClass = "accuracy_by_class"
    case confounders = "confounder_auc"
    case meanConfounder = "mean_confounder_auc"
  }

  /// The first picture of the tests: far beyond any that training renders.
  public static let firstTestPicture = 10_000_000

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
  public init(
    _ clip: CLIPModel, prompts: PromptSet, count: Int = 1000, from first: Int = firstTestPicture,
    seed: UInt64 = 0, progress: (Int) -> Void = { _ in }
  ) throws {
    try prompts.requireNames(of: World.self)
    let size = clip.preparation.size
    let world = World(seed: seed)
    let renderer = Renderer(size: size)
    let text = try TextEmbeddings(prompts) { try clip.textFeatures($0) }
    let selections = [false, true].map { RegionSelection(fraction: 1, subtractsNormal: $0) }
    let names = prompts.classes + ["normal"]
    let sentences = try Tensor.concatenated([text.classes, text.normal.expandedDimension(0)], dim: 0)

    var hits: [String: [Double]] = [:]
    var cosines: [[Float]] = prompts.confounders.map { _ in [] }
    var present: [[Bool]] = prompts.confounders.map { _ in [] }
    var areas: [DenseFeatures: [[Double]]] = [:]
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
        var image: Tensor?
        for extractor in DenseFeatures.allCases {
          let features = try clip.vision(pixels, dense: extractor)
          image = features.image
          let sizes = try features.dense.sizes(rank: 4, "the dense features")
          let positions = try features.dense.reshaped([sizes[0], -1, sizes[3]])
          for (index, selection) in selections.enumerated() {
            let score = try selection.score(positions, text).reshaped([sizes[0], 1, sizes[1], sizes[2]])
              .resized(height: size, width: size)
            for (row, rendering) in renderings.enumerated() where draws[row].lesion != nil {
              let area = AreaUnderCurve.of(
                try score.selected(dim: 0, index: row).floats(),
                positive: rendering.mask.pixels.map { $0 > 127 })
              if let area { areas[extractor, default: [[], []]][index].append(area) }
            }
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
      let both = areas[extractor] ?? [[], []]
      return Localisation(
        extractor: extractor.rawValue, classScore: mean(both[0]), lessNormal: mean(both[1]))
    }
  }
}
