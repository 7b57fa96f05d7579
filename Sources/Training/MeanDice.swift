import Datasets
import Segmentation
import Torch

extension SampleBank {
  /// Computes the mean Dice of the images at the network's size, threshold 0.5.
  ///
  /// Two empty masks count 1.
  ///
  /// - Parameters:
  ///   - batchSize: the number of images in a pass.
  ///   - features: cached features of the frozen layers, if any.
  ///   - probabilities: segments a batch, B×3×S×S from 0 to 1, with its cached features, to
  ///     B×1×S×S.
  /// - Returns: the mean.
  /// - Throws: an error that names an unreadable image, or the error of `probabilities`.
  func meanDice(
    batchSize: Int, features: FeatureStore? = nil,
    _ probabilities: (_ images: Tensor, _ cached: FrozenFeatures?) throws -> Tensor
  ) throws -> Double {
    var total = 0.0
    for start in stride(from: 0, to: samples.count, by: batchSize) {
      let rows = Array(start..<min(samples.count, start + batchSize))
      let (images, masks) = try batch(rows)
      let cached = try features?.cached(rows.map { samples[$0] })
      let predicted = try probabilities(images, cached).atLeast(0.5).to(.float32)
      let overlap = try (predicted * masks).sum([1, 2, 3]).doubles()
      let sizes = try (predicted.sum([1, 2, 3]) + masks.sum([1, 2, 3])).doubles()
      total += zip(overlap, sizes).reduce(0) { $0 + ($1.1 == 0 ? 1 : 2 * $1.0 / $1.1) }
    }
    return total / Double(samples.count)
  }
}
