import Confounders
import Datasets
import Foundation
import Metrics
import Torch

/// What calibration keeps of the prediction of one validation image.
struct Observation: Sendable {
  /// The site.
  let site: String
  /// 0 for the image as it is; other numbers for the image under a random do(z).
  let variant: Int
  /// The pixels by logit: lesion and background.
  let lesion: LogitCounts
  /// The pixels by logit: marked and not.
  let marked: LogitCounts
  /// The pixels by logit: wrong and right.
  let wrong: LogitCounts
  /// Whether the mask is empty.
  let isEmpty: Bool
  /// The true Dice, at the image's own size.
  let dice: Double
  /// The mean Dice of the views with their mean; nil for a single view.
  let agreement: Double?
  /// The wrong pixels by the spread of the views; nil for a single view or a changed image.
  let spreadRisks: RiskCounts?
  /// The pooled features, by name.
  let pooled: [String: [Float]]
}

extension Predictor {
  /// The interventions that stand for other hospitals in calibration.
  struct PseudoSites: Sendable {
    /// The plan, whose confounders do not change masks.
    let plan: InterventionPlan
    /// The number of changed copies of each image.
    static let variants = 2

    /// Takes the confounders of a run that have a mechanism and leave masks as they are.
    ///
    /// - Returns: nil if there is none.
    init?(_ run: Run) {
      let interventions = Interventions(run.prompts)
      let usable = interventions.available.filter { !interventions.changesMask($0) }
      guard !usable.isEmpty else { return nil }
      plan = InterventionPlan(interventions, confounders: usable, strength: 1, seed: run.configuration.seed)
    }

    /// Changes the pixels of an image: the first copies mildly, the last strongly.
    func change(_ variant: Int, place: Int, of sample: Sample) -> (Tensor) throws -> Tensor {
      let index = (place * Self.variants + variant - 1) % plan.confounders.count
      let strength = Double(variant) / Double(Self.variants)
      return { [plan] pixels in
        let masks = try Tensor.zeros([1, 1, pixels.size(2), pixels.size(3)])
        let own = InterventionPlan(
          plan.interventions, confounders: plan.confounders, strength: strength, seed: plan.seed)
        return try own(plan.confounders[index], of: sample, images: pixels, masks: masks).images
      }
    }
  }

  /// Predicts a validation image and compares it with its mask.
  ///
  /// - Parameters:
  ///   - sample: the image.
  ///   - variant: 0 for the image as it is.
  ///   - change: the change of the variant.
  /// - Returns: what calibration keeps.
  /// - Throws: an error that names the file.
  func observation(
    _ sample: Sample, variant: Int, changing change: ((Tensor) throws -> Tensor)?
  ) throws -> Observation {
    let seen = try look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    let reading = try reading(seen, CertaintyProbe(), changing: change)
    let mask = try marked(reading.probability)
    let wrong = try Self.wrong(mask, reference)
    let (area, both) = (try mask.sum().item(), try mask.and(reference).sum().item())
    let sum = try area + reference.sum().item()
    let spread = variant == 0 ? reading.spread : nil
    return Observation(
      site: sample.site, variant: variant, lesion: try LogitCounts(reading.probability, of: reference),
      marked: try LogitCounts(reading.probability, of: mask),
      wrong: try LogitCounts(reading.probability, of: wrong), isEmpty: area == 0,
      dice: sum == 0 ? 1 : 2 * both / sum, agreement: reading.agreement,
      spreadRisks: try spread.map {
        try RiskCounts(uncertainty: LogitCounts.sampled($0), wrong: LogitCounts.sampled(wrong))
      }, pooled: reading.pooled)
  }

  /// Returns the mask of a map of probabilities, bool H×W.
  func marked(_ probability: Tensor) throws -> Tensor { try rule.mask(probability) }

  /// Returns the pixels on which two masks differ, bool.
  static func wrong(_ mask: Tensor, _ reference: Tensor) throws -> Tensor {
    try mask.to(.uint8).equals(reference.to(.uint8)).not()
  }

  /// Reads the pooled features of an image at S×S, also of junk that is made from it.
  ///
  /// - Parameters:
  ///   - sample: the image.
  ///   - junk: makes other pictures of the pixels, 1×3×S×S from 0 to 1; nil reads the image.
  /// - Returns: the features of each picture.
  /// - Throws: an error that names the file.
  func pooled(
    _ sample: Sample, junk: ((Tensor) throws -> [Tensor])? = nil
  ) throws -> [[String: [Float]]] {
    let input = try read(PredictionInput(sample.image), keepingPicture: false)
    let pixels = try (input.image.to(.float32) / 255).expandedDimension(0)
    let pictures = try junk.map { try $0(pixels) } ?? [pixels]
    let found = try system.look(.concatenated(pictures, dim: 0), cached: nil, CertaintyProbe()).pooled
    let rows = try found.mapValues { features in
      try pictures.indices.map { try features.selected(dim: 0, index: $0).floats() }
    }
    return pictures.indices.map { index in rows.mapValues { $0[index] } }
  }
}

/// Pictures that are no images of the training's kind, made from one that is.
enum Junk {
  /// Makes pictures: black, white, grey, noise, bright marks on black, inverted colours, exchanged
  /// colours, and the rows and columns in random order.
  ///
  /// - Parameters:
  ///   - pixels: 1×3×S×S from 0 to 1.
  ///   - generator: the source of chance.
  /// - Returns: pictures of the same shape.
  /// - Throws: `TorchError` if memory is short.
  static func pictures(_ pixels: Tensor, _ generator: Generator) throws -> [Tensor] {
    let side = try pixels.size(2)
    let marks = try Tensor.randomUniform([1, 1, 24, 12], low: 0, high: 1, generator: generator)
      .resized(height: side, width: side).atLeast(0.62).to(.float32).expanded(to: pixels.shape)
    let (rows, columns) = (
      try Tensor.randomPermutation(side, generator: generator),
      try Tensor.randomPermutation(side, generator: generator)
    )
    return [
      try pixels.zerosLike(), try pixels.onesLike(), try pixels.zerosLike() + pixels.mean().item(),
      try .randomUniform(pixels.shape, low: 0, high: 1, generator: generator), marks, try 1 - pixels,
      try pixels.flipped([1]), try pixels.indexed(rows, dim: 2).indexed(columns, dim: 3),
    ]
  }
}
