import Confounders
import Datasets
import Foundation
import Segmentation
import Torch

/// The images of one step, one row each: observed images, and intervened ones with their partners.
struct TrainingBatch: Sendable {
  /// The images, B×3×S×S, 0 to 1.
  let images: Tensor
  /// The masks, B×K×S×S, 0 and 1.
  let masks: Tensor
  /// The cached features of the frozen layers for the first rows; nil if nothing is cached.
  let cached: FrozenFeatures?
  /// The lesion class of each row; nil without a lesion or if unknown.
  let classes: [Int?]
  /// The source site of each row, counted from 0.
  let sites: [Int]
  /// The rows of unchanged images.
  let observed: [Int]
  /// The rows of interventions with their partners; nil without interventions.
  let interventions: InterventionPairs?

  /// Computes the mean of a loss over the rows, with a weight for intervened ones.
  ///
  /// - Parameters:
  ///   - losses: the loss of each row, B.
  ///   - weight: the weight of an intervened image; that of an observed one is 1.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` for another length.
  func mean(_ losses: Tensor, intervened weight: Double) throws -> Tensor {
    guard let pairs = interventions, weight != 1 else { return try losses.mean() }
    let sum = try losses.rows(observed).sum() + pairs.intervened(losses).sum() * weight
    return try sum / (Double(observed.count) + weight * Double(pairs.intervened.count))
  }
}

/// A maker of batches; the random choices of a batch follow from seed, epoch and step.
struct BatchMaker: Sendable {
  let configuration: RunConfiguration
  let bank: SampleBank
  let features: FeatureStore?
  let pictures: FixedPictures
  let interventions: Interventions
  /// The probabilities P(z), M.
  let probabilities: [Double]
  /// The classes of the samples of the bank.
  let classes: LesionClasses
  /// The site of each sample of the bank.
  let sites: [Int]

  /// Images with the cached features of the frozen layers, if any.
  private typealias Shown = (pictures: Pictures, cached: FrozenFeatures?)

  /// Makes the batch of some samples.
  ///
  /// - Parameters:
  ///   - indices: the rows of the bank.
  ///   - epoch: the epoch, from 0.
  ///   - step: the step, from 0.
  /// - Returns: the observed and intervened images.
  /// - Throws: an error that names an unreadable file, or `TorchError`.
  func batch(_ indices: [Int], epoch: Int, step: Int) throws -> TrainingBatch {
    func generator(_ name: String) throws -> Generator {
      try Generator(seed: configuration.seed, for: name, "\(epoch)", "\(step)")
    }
    var kinds = [FixedPictures.Kind](repeating: .plain, count: indices.count)
    if pictures.augmentations > 0 {
      kinds = try Tensor.randomIntegers(
        [indices.count], high: pictures.augmentations, generator: generator("augment")
      ).array(of: Int.self).map { FixedPictures.Kind(augmentation: $0) }
    }
    var (observed, cached) = try observed(kinds, indices)
    if pictures.augmentations == 0, !configuration.augmentation.isNone {
      let changed = try configuration.augmentation(
        images: observed.images, masks: observed.masks, generator: generator("augment"))
      observed = observed.replacing(images: changed.images, masks: changed.masks)
    }
    let count = Int((configuration.interventionShare * Double(indices.count)).rounded())
    guard count > 0 else { return try batch(observed, cached, rows: indices) }
    let partners = Array(0..<count)
    let set = try intervened(
      partners.map { indices[$0] }, partners.map { kinds[$0] }, observed, generator("intervention"))
    let pairs = InterventionPairs(
      intervened: Array(indices.count..<indices.count + count), partners: partners,
      applied: set.pictures.applied, moved: set.pictures.moved)
    cached = try set.cached.flatMap { try cached?.joined(with: $0) } ?? cached
    return try batch(
      observed, cached, rows: indices + partners.map { indices[$0] }, and: set.pictures, pairs)
  }

  private func batch(
    _ observed: Pictures, _ cached: FrozenFeatures?, rows: [Int], and intervened: Pictures? = nil,
    _ pairs: InterventionPairs? = nil
  ) throws -> TrainingBatch {
    func joined(_ part: (Pictures) -> Tensor) throws -> Tensor {
      try intervened.map { try .concatenated([part(observed), part($0)], dim: 0) } ?? part(observed)
    }
    let masks = try joined(\.masks)
    return TrainingBatch(
      images: try joined(\.images), masks: masks, cached: cached,
      classes: try classes.classes(of: rows, masks: masks), sites: rows.map { sites[$0] },
      observed: Array(0..<rows.count - (pairs?.intervened.count ?? 0)), interventions: pairs)
  }

  /// Returns the samples' unchanged or fixed images.
  private func observed(_ kinds: [FixedPictures.Kind], _ indices: [Int]) throws -> Shown {
    guard kinds.contains(where: { $0 != .plain }) else {
      let (images, masks) = try bank.batch(indices)
      return (
        try Pictures(images: images, masks: masks, confounders: probabilities.count),
        try features?.cached(indices.map { bank.samples[$0] })
      )
    }
    return try fixed(kinds, indices)
  }

  /// Returns fixed images, cached or drawn again.
  private func fixed(_ kinds: [FixedPictures.Kind], _ indices: [Int]) throws -> Shown {
    let found = try features?.drawn(kinds, of: indices.map { bank.samples[$0] })
    let all =
      try found?.pictures
      ?? .joined(
        zip(kinds, indices).map { try pictures.picture($0, of: bank.samples[$1], bank.pair($1)) })
    return (try all.floats, found?.cached)
  }

  private func intervened(
    _ indices: [Int], _ kinds: [FixedPictures.Kind], _ observed: Pictures, _ generator: Generator
  ) throws -> Shown {
    if pictures.variants > 0 {
      let chosen = try pictures.choice(
        kinds, of: indices.map { bank.samples[$0] }, probabilities: probabilities, generator: generator)
      return try fixed(chosen, indices)
    }
    func partners(_ tensor: Tensor) throws -> Tensor {
      try tensor.narrowed(dim: 0, start: 0, length: indices.count)
    }
    let drawn = try interventions(
      count: configuration.interventions.count, images: partners(observed.images),
      masks: partners(observed.masks), probabilities: probabilities, generator: generator)
    return (drawn, nil)
  }
}
