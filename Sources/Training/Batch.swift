import Confounders
import Datasets
import Foundation
import Segmentation
import Torch

/// What one step trains on: images as they are, and after them the first of these again with a confounder set.
struct Batch: Sendable {
  /// Of the images that were set; their observed partners are the batch's first images, in the same order.
  struct Interventions: Sendable {
    /// How many.
    let count: Int
    /// The strength of each z, count×M.
    let applied: Tensor
    /// bool, count: positions do not correspond to those of the partner.
    let moved: Tensor
  }

  /// B×3×S×S, 0 to 1.
  let images: Tensor
  /// B×1×S×S, 0 and 1.
  let masks: Tensor
  /// What the frozen layers make of the images, or of the first of them, where it is kept.
  let kept: FrozenFeatures?
  /// The lesion class of each image, nil without a lesion or where it is not known.
  let classes: [Int?]
  /// The source site of each image, counted from 0.
  let sites: [Int]
  /// What was set; nil when nothing was.
  let interventions: Interventions?

  /// The mean of a loss of each image, those that were set weighted.
  ///
  /// - Parameters:
  ///   - losses: B.
  ///   - weight: of an image that was set.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` for another length.
  func mean(_ losses: Tensor, intervened weight: Double) throws -> Tensor {
    guard let count = interventions?.count, weight != 1 else { return try losses.mean() }
    let observed = classes.count - count
    let sums = try (
      losses.narrowed(dim: 0, start: 0, length: observed).sum(),
      losses.narrowed(dim: 0, start: observed, length: count).sum()
    )
    return try (sums.0 + sums.1 * weight) / (Double(observed) + weight * Double(count))
  }
}

/// Makes batches; what is random in one follows from seed, epoch and step alone.
struct BatchMaker: Sendable {
  let configuration: RunConfiguration
  let bank: SampleBank
  let features: FeatureStore?
  let pictures: FixedPictures
  let interventions: Confounders.Interventions
  /// P(z), M.
  let probabilities: [Double]
  /// Of each sample of the bank.
  let classes: [Int?]
  /// Of each sample of the bank.
  let sites: [Int]

  /// The batch of some samples.
  ///
  /// - Parameters:
  ///   - indices: rows of the bank.
  ///   - epoch: from 0.
  ///   - step: from 0.
  /// - Returns: the images, observed and set.
  /// - Throws: an error that names a file that cannot be read, or `TorchError`.
  func batch(_ indices: [Int], epoch: Int, step: Int) throws -> Batch {
    func generator(_ name: String) throws -> Generator {
      try Generator(seed: configuration.seed, for: name, "\(epoch)", "\(step)")
    }
    var kinds = [FixedPictures.Kind](repeating: .plain, count: indices.count)
    if pictures.augmentations > 0 {
      kinds = try Tensor.randomIntegers(
        [indices.count], high: pictures.augmentations, generator: generator("augment")
      ).array(of: Int.self).map { FixedPictures.Kind(augmentation: $0) }
    }
    var (images, masks, kept) = try shown(kinds, indices)
    if pictures.augmentations == 0, !configuration.augmentation.isNone {
      (images, masks) = try configuration.augmentation(
        images: images, masks: masks, generator: generator("augment"))
    }
    var rows = indices
    var set: Batch.Interventions?
    let count = Int((configuration.interventions.share * Double(indices.count)).rounded())
    if count > 0 {
      let first = Array(indices.prefix(count))
      let again = try intervened(
        first, Array(kinds.prefix(count)), images: images, masks: masks, generator("intervention"))
      images = try .concatenated([images, again.pictures.images], dim: 0)
      masks = try .concatenated([masks, again.pictures.masks], dim: 0)
      kept = try again.kept.flatMap { try kept?.joined(with: $0) } ?? kept
      rows += first
      set = Batch.Interventions(
        count: count, applied: again.pictures.applied, moved: again.pictures.moved)
    }
    // L_causal and L_contrast speak of the lesion's class: images without a lesion have none.
    let lesions = try masks.sum([1, 2, 3]).floats()
    return Batch(
      images: images, masks: masks, kept: kept,
      classes: zip(rows, lesions).map { $1 > 0 ? classes[$0] : nil }, sites: rows.map { sites[$0] },
      interventions: set)
  }

  /// Pictures as they are or as they are fixed.
  private func shown(
    _ kinds: [FixedPictures.Kind], _ indices: [Int]
  ) throws -> (images: Tensor, masks: Tensor, kept: FrozenFeatures?) {
    guard kinds.contains(where: { $0 != .plain }) else {
      let (images, masks) = try bank.batch(indices)
      return (images, masks, try features?.kept(indices.map { bank.samples[$0] }))
    }
    let (found, kept) = try fixed(kinds, indices)
    return (found.images, found.masks, kept)
  }

  /// Fixed pictures, kept or drawn again, images and masks as numbers from 0 to 1.
  private func fixed(
    _ kinds: [FixedPictures.Kind], _ indices: [Int]
  ) throws -> (pictures: IntervenedImages, kept: FrozenFeatures?) {
    let found = try features?.drawn(kinds, of: indices.map { bank.samples[$0] })
    let all =
      try found?.pictures
      ?? .joined(
        zip(kinds, indices).map { try pictures.picture($0, of: bank.samples[$1], bank.pair($1)) })
    let shown = IntervenedImages(
      images: try all.images.to(.float32) / 255, masks: try all.masks.to(.float32), applied: all.applied,
      moved: all.moved)
    return (shown, found?.kept)
  }

  private func intervened(
    _ indices: [Int], _ kinds: [FixedPictures.Kind], images: Tensor, masks: Tensor, _ generator: Generator
  ) throws -> (pictures: IntervenedImages, kept: FrozenFeatures?) {
    if pictures.variants > 0 {
      let chosen = try pictures.choice(
        kinds, of: indices.map { bank.samples[$0] }, probabilities: probabilities, generator: generator)
      return try fixed(chosen, indices)
    }
    let drawn = try interventions(
      count: configuration.interventions.count,
      images: images.narrowed(dim: 0, start: 0, length: indices.count),
      masks: masks.narrowed(dim: 0, start: 0, length: indices.count), probabilities: probabilities,
      generator: generator)
    return (drawn, nil)
  }
}
