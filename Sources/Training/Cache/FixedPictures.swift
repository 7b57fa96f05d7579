import Confounders
import Datasets
import Foundation
import Storage
import Torch

/// Images of a sample that are the same in every epoch, fold, method and seed.
///
/// They are the unchanged image, augmented images, and images with confounders set.
///
/// The random draws for one follow only from its number and from the site and name of its image.
struct FixedPictures: Sendable {
  /// The kind of an image of a sample.
  struct Kind: Hashable, Sendable {
    /// The number of the augmentation; nil for the unchanged image.
    var augmentation: Int?
    /// The number of the do(z) on that image; nil for none.
    var intervention: Int?

    /// The unchanged image.
    static let plain = Kind()
  }

  /// The number of augmentations of each image; 0 for none.
  let augmentations: Int
  /// The number of do(z)x for each of the images before; 0 for none.
  let variants: Int
  private let augmentation: Augmentation
  private let interventions: Interventions
  private let count: Int
  private let recipe: ContentHash
  private let known = KnownChoices()

  /// Describes the fixed images of a run's settings.
  ///
  /// - Parameters:
  ///   - settings: the settings of the run.
  ///   - prompts: the prompts, with as many confounders as the run has.
  /// - Throws: the error of encoding the recipe.
  init(_ settings: RunConfiguration, _ prompts: PromptSet) throws {
    augmentation = settings.augmentation
    augmentations = settings.augmentation.isNone ? 0 : settings.augmentation.fixed
    variants = settings.fixesInterventions ? settings.interventions.variants : 0
    count = settings.interventions.count
    interventions = Interventions(prompts, of: settings)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var recipe = ContentHash()
    // The number rises when the same settings give other images.
    recipe.combine("pictures 1 \(count)")
    // The number of augmentations does not change any of them.
    var drawing = augmentation
    drawing.fixed = 0
    if augmentations > 0 { recipe.combine(try encoder.encode(drawing)) }
    if variants > 0 { recipe.combine(try encoder.encode(prompts.confounders)) }
    let withheld = settings.interventions.without
    if variants > 0, !withheld.isEmpty { recipe.combine(withheld.sorted().joined(separator: "\n")) }
    self.recipe = recipe
  }

  /// All drawn kinds of a sample's images.
  var kinds: [Kind] {
    let observed = augmentations > 0 ? (0..<augmentations).map { Kind(augmentation: $0) } : [.plain]
    let set = observed.flatMap { base in
      (0..<variants).map { Kind(augmentation: base.augmentation, intervention: $0) }
    }
    return observed.filter { $0 != .plain } + set
  }

  /// Returns a hash of everything that an image depends on.
  ///
  /// - Parameters:
  ///   - kind: the kind of the image.
  ///   - sample: the sample.
  ///   - content: a hash of image and mask at S×S.
  /// - Returns: the hash.
  func key(_ kind: Kind, of sample: Sample, content: ContentHash) -> ContentHash {
    var hash = recipe
    hash.combine(content)
    hash.combine("\(sample.site)\n\(sample.id)\n\(number(kind.augmentation))\n\(number(kind.intervention))")
    return hash
  }

  /// Draws one image, or returns the unchanged image.
  ///
  /// - Parameters:
  ///   - kind: the kind of the image.
  ///   - sample: the sample.
  ///   - pair: image and mask at S×S: uint8 3×S×S, bool S×S or K×S×S.
  /// - Returns: the image.
  /// - Throws: `InterventionError` if no confounder has a mechanism, `TorchError` if shapes do not
  ///   fit.
  func picture(
    _ kind: Kind, of sample: Sample, _ pair: (image: Tensor, mask: Tensor)
  ) throws -> Pictures {
    var picture = try Pictures(
      images: pair.image.expandedDimension(0),
      masks: (pair.mask.rank == 2 ? pair.mask.expandedDimension(0) : pair.mask).expandedDimension(0),
      confounders: interventions.names.count)
    if let number = kind.augmentation {
      let plain = try picture.floats
      let moved = try augmentation(
        images: plain.images, masks: plain.masks,
        generator: Generator(seed: 0, for: "augment", sample.site, sample.id, "\(number)"))
      picture = try plain.replacing(images: moved.images, masks: moved.masks).bytes
    }
    guard kind.intervention != nil else { return picture }
    let plain = try picture.floats
    return try interventions(
      count: count, images: plain.images, masks: plain.masks, generator: chance(kind, sample)
    ).bytes
  }

  /// Chooses one do(z) of each of some images, drawn by P(z) from the image's own.
  ///
  /// - Parameters:
  ///   - kinds: the kinds of the images.
  ///   - samples: the samples of the images.
  ///   - probabilities: P(z), M numbers.
  ///   - generator: the only random number generator.
  ///   - rows: the places of the images among all that this step draws for.
  /// - Returns: the kinds with a confounder set.
  /// - Throws: `InterventionError` if no confounder has a mechanism.
  func choice(
    _ kinds: [Kind], of samples: [Sample], probabilities: [Double], generator: Generator, rows: OwnRows
  ) throws -> [Kind] {
    let chances = try rows.own(
      Tensor.randomUniform([max(1, rows.all)], generator: generator).doubles())
    return try zip(zip(kinds, samples), chances).map { picture, chance in
      let weights = try (0..<variants).map { number in
        let kind = Kind(augmentation: picture.0.augmentation, intervention: number)
        let set = try known.choices(of: picture.1, kind) {
          Set(try interventions.choices(count: count, generator: self.chance(kind, picture.1)))
        }
        return set.reduce(1) { $0 * (probabilities.indices.contains($1) ? probabilities[$1] : 0) }
      }
      return Kind(augmentation: picture.0.augmentation, intervention: WeightedDraw.index(chance, weights))
    }
  }

  private func chance(_ kind: Kind, _ sample: Sample) throws -> Generator {
    try Generator(
      seed: 0, for: "intervention", sample.site, sample.id, number(kind.augmentation),
      number(kind.intervention))
  }

  private func number(_ value: Int?) -> String { value.map(String.init) ?? "-" }
}

/// The confounders of the fixed images, drawn at their first use.
private final class KnownChoices: @unchecked Sendable {
  /// The most images whose confounders are remembered.
  private static let most = 100_000
  private let lock = NSLock()
  private var known: [URL: [FixedPictures.Kind: Set<Int>]] = [:]

  func choices(
    of sample: Sample, _ kind: FixedPictures.Kind, _ draw: () throws -> Set<Int>
  ) rethrows -> Set<Int> {
    if let found = lock.withLock({ known[sample.image]?[kind] }) { return found }
    let drawn = try draw()
    lock.withLock {
      // About 100 MiB; a later use draws the same again.
      if known.count >= Self.most, known[sample.image] == nil { known = [:] }
      known[sample.image, default: [:]][kind] = drawn
    }
    return drawn
  }
}
