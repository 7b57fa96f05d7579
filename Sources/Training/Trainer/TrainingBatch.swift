import Confounders
import Datasets
import Foundation
import Segmentation
import Torch

/// The images of one step, one row each: observed images, and intervened ones with their partners.
///
/// Of several processes, each has its own rows.
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
  /// The rows of interventions with their partners; nil without interventions in the whole batch.
  let interventions: InterventionPairs?
  /// The place of the rows in the whole batch.
  let share: BatchShare

  /// Computes the mean of a loss over the rows, with a weight for intervened ones.
  ///
  /// - Parameters:
  ///   - losses: the loss of each row, B.
  ///   - weight: the weight of an intervened image; that of an observed one is 1.
  /// - Returns: a scalar; for some rows their part of the whole batch's mean.
  /// - Throws: `TorchError` for another length.
  func mean(_ losses: Tensor, intervened weight: Double) throws -> Tensor {
    guard let pairs = interventions, weight != 1 else {
      return share.isAll ? try losses.mean() : try losses.sum() / Double(share.count)
    }
    return try share.mean(
      observed: losses.rows(observed), intervened: pairs.intervened(losses), weight: weight)
  }
}

extension BatchShare {
  /// Computes the weighted mean of the whole batch's losses, or the part of some rows in it.
  ///
  /// - Parameters:
  ///   - observed: the losses of observed images.
  ///   - intervened: the losses of intervened images.
  ///   - weight: the weight of an intervened image.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` with libtorch's message.
  func mean(observed: Tensor, intervened: Tensor, weight: Double) throws -> Tensor {
    let sum = try observed.sum() + intervened.sum() * weight
    return try sum / (Double(self.observed.all) + weight * Double(self.intervened.all))
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
  /// The processes that share each batch.
  var processes = Processes.alone

  /// Images with the cached features of the frozen layers, if any.
  private typealias Shown = (pictures: Pictures, cached: FrozenFeatures?)

  /// Makes the batch of some samples.
  ///
  /// - Parameters:
  ///   - all: the rows of the bank.
  ///   - epoch: the epoch, from 0.
  ///   - step: the step, from 0.
  /// - Returns: the observed and intervened images of this process.
  /// - Throws: an error that names an unreadable file, or `TorchError`.
  func batch(_ all: [Int], epoch: Int, step: Int) throws -> TrainingBatch {
    let share = BatchShare(
      processes, sites: all.map { sites[$0] },
      interventions: Int((configuration.interventionShare * Double(all.count)).rounded()))
    let indices = share.observed.own(all)
    func generator(_ name: String) throws -> Generator {
      try Generator(seed: configuration.seed, for: name, "\(epoch)", "\(step)")
    }
    var kinds = [FixedPictures.Kind](repeating: .plain, count: indices.count)
    if pictures.augmentations > 0 {
      kinds = try share.observed.own(
        Tensor.randomIntegers(
          [all.count], high: pictures.augmentations, generator: generator("augment")
        ).array(of: Int.self)
      ).map { FixedPictures.Kind(augmentation: $0) }
    }
    var (observed, cached) = try observed(kinds, indices)
    if pictures.augmentations == 0, !configuration.augmentation.isNone {
      observed = try augmented(observed, all, share.observed, generator("augment"))
    }
    let count = share.intervened.indices.count
    guard share.intervened.all > 0 else { return try batch(observed, cached, rows: indices, share: share) }
    let partners = Array(0..<count)
    let set: Shown =
      try count == 0
      ? (observed.rows([]), nil)
      : intervened(
        partners.map { indices[$0] }, partners.map { kinds[$0] }, observed, share.intervened,
        generator("intervention"))
    let pairs = InterventionPairs(
      intervened: Array(indices.count..<indices.count + count), partners: partners,
      applied: set.pictures.applied, moved: set.pictures.moved)
    cached = try set.cached.flatMap { try cached?.joined(with: $0) } ?? cached
    return try batch(
      observed, cached, rows: indices + partners.map { indices[$0] }, share: share, and: set.pictures, pairs)
  }

  /// Augments images as they are augmented in the whole batch.
  ///
  /// The exchange of colours needs the pixels of all images, so every process then augments all.
  private func augmented(
    _ observed: Pictures, _ all: [Int], _ rows: OwnRows, _ generator: Generator
  ) throws -> Pictures {
    let augmentation = configuration.augmentation
    guard augmentation.exchange > 0, !rows.areAll else {
      let changed = try augmentation(
        images: observed.images, masks: observed.masks, generator: generator, rows: rows)
      return observed.replacing(images: changed.images, masks: changed.masks)
    }
    let (images, masks) = try bank.batch(all)
    let changed = try augmentation(images: images, masks: masks, generator: generator)
    return observed.replacing(images: try rows.own(changed.images), masks: try rows.own(changed.masks))
  }

  private func batch(
    _ observed: Pictures, _ cached: FrozenFeatures?, rows: [Int], share: BatchShare,
    and intervened: Pictures? = nil, _ pairs: InterventionPairs? = nil
  ) throws -> TrainingBatch {
    func joined(_ part: (Pictures) -> Tensor) throws -> Tensor {
      try intervened.map { try .concatenated([part(observed), part($0)], dim: 0) } ?? part(observed)
    }
    let masks = try joined(\.masks)
    return TrainingBatch(
      images: try joined(\.images), masks: masks, cached: cached,
      classes: try classes.classes(of: rows, masks: masks), sites: rows.map { sites[$0] },
      observed: Array(0..<rows.count - (pairs?.intervened.count ?? 0)), interventions: pairs, share: share)
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
    _ indices: [Int], _ kinds: [FixedPictures.Kind], _ observed: Pictures, _ rows: OwnRows,
    _ generator: Generator
  ) throws -> Shown {
    if pictures.variants > 0 {
      let chosen = try pictures.choice(
        kinds, of: indices.map { bank.samples[$0] }, probabilities: probabilities, generator: generator,
        rows: rows)
      return try fixed(chosen, indices)
    }
    func partners(_ tensor: Tensor) throws -> Tensor {
      try tensor.narrowed(dim: 0, start: 0, length: indices.count)
    }
    let drawn = try interventions(
      count: configuration.interventions.count, images: partners(observed.images),
      masks: partners(observed.masks), probabilities: probabilities, generator: generator, rows: rows)
    return (drawn, nil)
  }
}
