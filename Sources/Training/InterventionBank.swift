import Datasets
import Foundation
import MCDRL
import Torch

/// A fixed number of do(z)x for every picture, drawn once, with what a frozen tower makes of them: shared by folds,
/// methods and seeds.
///
/// Which z is set, how strongly and where follows from the picture's site and name alone: variants are drawn evenly from all
/// z that have a mechanism, and P(z) weighs among the few that a picture has, which approximates to draw z from it. A
/// picture takes, for each of its variants, 4·S² bytes and those of its features (`FeatureStore`).
public struct InterventionBank: Sendable {
  /// How many there are of each picture.
  public let variants: Int
  private let rows: [URL: Int]
  private let images: Tensor
  private let masks: Tensor
  private let applied: Tensor
  private let moved: Tensor
  /// The confounders that are set in each.
  private let confounders: [[Int]]
  private let features: EncodedImages

  /// Draws and encodes.
  ///
  /// - Parameters:
  ///   - bank: the pictures.
  ///   - interventions: the mechanisms.
  ///   - variants: how many are drawn of each picture.
  ///   - count: how many confounders are set at once.
  ///   - system: whose tower and settings are used; its tower must be frozen.
  ///   - memoryLimit: bytes that pictures, masks and features may take.
  ///   - workers: pictures that are worked on side by side.
  ///   - progress: told how many pictures are drawn and encoded, from any thread.
  /// - Throws: `ConfigurationError` when the tower is trained or more memory would be taken, before anything is drawn;
  ///   `TrainingError.noImages`, or what encoding throws.
  public init(
    _ bank: SampleBank, interventions: Interventions, variants: Int, count: Int, system: SegmentationSystem,
    memoryLimit: Int = 4 << 30, workers: Int = 1, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let samples = bank.samples
    guard !samples.isEmpty else { throw TrainingError.noImages }
    try Self.requireMemory(bank, variants: variants, system: system, limit: memoryLimit)
    let drawn = try concurrentMap(count: samples.count, threads: workers) { index in
      let (image, mask) = try bank.batch([index])
      let tiled = try (
        image.expanded(to: [variants, -1, -1, -1]), mask.expanded(to: [variants, -1, -1, -1])
      )
      return try interventions(
        count: count, images: tiled.0, masks: tiled.1,
        generator: Generator(seed: 0, for: "intervention", samples[index].site, samples[index].id)
      ).bytes
    }
    let images = try Tensor.concatenated(drawn.map(\.images), dim: 0)
    guard
      let features = try FeatureStore.encode(
        samples.count * variants, system: system, memoryLimit: .max, workers: workers,
        progress: { progress($0 / variants) },
        images: { try images.narrowed(dim: 0, start: $0.lowerBound, length: $0.count).to(.float32) / 255 })
    else { throw TrainingError.noImages }
    self.features = features
    self.images = images
    masks = try .concatenated(drawn.map(\.masks), dim: 0)
    applied = try .concatenated(drawn.map(\.applied), dim: 0)
    moved = try .concatenated(drawn.map(\.moved), dim: 0)
    let strengths = try applied.floats()
    let width = strengths.count / (samples.count * variants)
    confounders = (0..<samples.count * variants).map { row in
      (0..<width).filter { strengths[row * width + $0] > 0 }
    }
    rows = Dictionary(
      samples.enumerated().map { ($1.image, $0 * variants) }, uniquingKeysWith: { first, _ in first })
    self.variants = variants
  }

  /// The memory that pictures, masks and features take.
  var bytes: Int { images.count + masks.count + features.bytes }

  /// Checks that all variants fit, by what one picture takes.
  private static func requireMemory(
    _ bank: SampleBank, variants: Int, system: SegmentationSystem, limit: Int
  ) throws {
    let (image, mask) = try bank.batch([0])
    guard
      let features = try FeatureStore.encode(
        1, system: system, memoryLimit: .max, workers: 1, progress: { _ in }, images: { _ in image })
    else { throw TrainingError.noImages }
    // Of every picture's first variant; a byte each for a pixel's colours and for its mask.
    let one = bank.samples.count * (image.count + mask.count + features.bytes)
    guard one * variants > limit else { return }
    func size(_ bytes: Int) -> String { String(format: "%.1f GiB", Double(max(0, bytes)) / Double(1 << 30)) }
    let most = max(0, limit) / one
    throw ConfigurationError(
      "interventions.variants is \(variants): with features kept, so many of each of \(bank.samples.count) images take "
        + "\(size(one * variants)), more than the \(size(limit)) there is for them; "
        + (most > 0
          ? "set interventions.variants to \(most) or less"
          : "one alone is too much: set interventions.share to 0, or switch on augmentation, under which each step draws anew")
    )
  }

  /// One do(z)x of each of some pictures, drawn by P(z) from those that the picture has.
  ///
  /// - Parameters:
  ///   - samples: the pictures.
  ///   - probabilities: P(z), M numbers.
  ///   - generator: the only source of chance.
  /// - Returns: the pictures and what the tower makes of them.
  /// - Throws: `ConfigurationError` that names a picture that was not drawn.
  public func batch(
    _ samples: [Sample], probabilities: [Double], generator: Generator
  ) throws -> (IntervenedImages, EncodedImages) {
    let chances = try Tensor.randomUniform([max(1, samples.count)], generator: generator).doubles()
    let rows = try zip(samples, chances).map { sample, chance -> Int in
      guard let first = self.rows[sample.image] else {
        throw ConfigurationError("\(sample.image.path): no interventions on this picture were drawn")
      }
      return first + variant(first, chance, probabilities)
    }
    let index = try Tensor(rows)
    let intervened = IntervenedImages(
      images: try images.indexed(index).to(.float32) / 255, masks: try masks.indexed(index).to(.float32),
      applied: try applied.indexed(index), moved: try moved.indexed(index))
    return (intervened, try features.map { try $0.indexed(index) })
  }

  /// One of a picture's variants, each as likely as what is set in it; evenly where P(z) allows none of them.
  private func variant(_ first: Int, _ chance: Double, _ probabilities: [Double]) -> Int {
    let weights = confounders[first..<first + variants].map { set in
      set.reduce(1) { $0 * (probabilities.indices.contains($1) ? probabilities[$1] : 0) }
    }
    let total = weights.reduce(0, +)
    guard total > 0 else { return min(variants - 1, Int(chance * Double(variants))) }
    var left = chance * total
    for (index, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return index }
    }
    // Rounding may leave a little.
    return weights.lastIndex { $0 > 0 } ?? variants - 1
  }
}

extension IntervenedImages {
  /// Pictures and masks as bytes, for keeping.
  fileprivate var bytes: IntervenedImages {
    get throws {
      IntervenedImages(
        images: try (images * 255).rounded().to(.uint8), masks: try masks.to(.bool), applied: applied,
        moved: moved)
    }
  }
}
