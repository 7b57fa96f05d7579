import Datasets
import Metrics
import Segmentation
import Torch

extension SampleBank {
  /// Counts the pixels of predictions and references at the network's size, threshold 0.5.
  ///
  /// The parameters are those of `classOverlaps`.
  ///
  /// - Returns: one table for each image; with several classes those of the first class, then those
  ///   of the next.
  func overlaps(
    batchSize: Int, features: FeatureStore? = nil,
    _ probabilities: (_ images: Tensor, _ cached: FrozenFeatures?) throws -> Tensor
  ) throws -> [OverlapCounts] {
    try classOverlaps(batchSize: batchSize, features: features, probabilities).flatMap { $0 }
  }

  /// Counts the pixels of predictions and references of each class at the network's size.
  ///
  /// The threshold is 0.5 whatever `inference.threshold` is, so that epochs and runs compare.
  ///
  /// - Parameters:
  ///   - batchSize: the number of images in a pass.
  ///   - features: cached features of the frozen layers, if any.
  ///   - processes: the processes that share the batches; all of them get the same tables. The
  ///     batches are those of one process.
  ///   - probabilities: segments a batch, B×3×S×S from 0 to 1, with its cached features, to
  ///     B×K×S×S.
  /// - Returns: for each class, one table for each image.
  /// - Throws: an error that names an unreadable image, or the error of `probabilities`.
  func classOverlaps(
    batchSize: Int, features: FeatureStore? = nil, among processes: Processes = .alone,
    _ probabilities: (_ images: Tensor, _ cached: FrozenFeatures?) throws -> Tensor
  ) throws -> [[OverlapCounts]] {
    let batches = (samples.count + batchSize - 1) / batchSize
    // Each batch by class, then the classes of all batches.
    let found = try processes.inParts(count: batches) { part in
      try part.map { batch in
        try classTables(
          Array(batch * batchSize..<min(samples.count, (batch + 1) * batchSize)), features, probabilities)
      }
    }
    return (found.first ?? []).indices.map { index in found.flatMap { $0[index] } }
  }

  /// Counts the pixels of one batch: for each class, one table for each image.
  private func classTables(
    _ rows: [Int], _ features: FeatureStore?,
    _ probabilities: (_ images: Tensor, _ cached: FrozenFeatures?) throws -> Tensor
  ) throws -> [[OverlapCounts]] {
    let (images, masks) = try batch(rows)
    let cached = try features?.cached(rows.map { samples[$0] })
    let predicted = try probabilities(images, cached).atLeast(0.5).to(.float32)
    return try (0..<masks.size(1)).map { index in
      func plane(_ all: Tensor) throws -> Tensor { try all.narrowed(dim: 1, start: index, length: 1) }
      return try OverlapCounts.tables(predicted: plane(predicted), masks: plane(masks))
    }
  }

  /// Computes the mean Dice of the images at the network's size, threshold 0.5.
  ///
  /// Two empty masks count 1. The parameters are those of `overlaps`.
  func meanDice(
    batchSize: Int, features: FeatureStore? = nil,
    _ probabilities: (_ images: Tensor, _ cached: FrozenFeatures?) throws -> Tensor
  ) throws -> Double {
    try OverlapCounts.meanDice(
      overlaps(batchSize: batchSize, features: features, probabilities), batchSize: batchSize)
  }
}

extension OverlapCounts {
  /// Counts a batch; both B×1×S×S, float32, of zeros and ones.
  static func tables(predicted: Tensor, masks: Tensor) throws -> [OverlapCounts] {
    let pixels = try masks.size(2) * masks.size(3)
    let both = try (predicted * masks).sum([1, 2, 3]).doubles().map { Int($0) }
    let marked = try predicted.sum([1, 2, 3]).doubles().map { Int($0) }
    let lesion = try masks.sum([1, 2, 3]).doubles().map { Int($0) }
    return both.indices.map { index in
      let (found, extra, missed) = (
        both[index], marked[index] - both[index], lesion[index] - both[index]
      )
      return OverlapCounts(
        truePositives: found, falsePositives: extra, falseNegatives: missed,
        trueNegatives: pixels - found - extra - missed)
    }
  }

  /// Averages Dice in the order of the batches.
  ///
  /// Earlier versions added each batch first. A run of theirs goes on with the same bits.
  static func meanDice(_ counts: [OverlapCounts], batchSize: Int) -> Double {
    let total = stride(from: 0, to: counts.count, by: batchSize).reduce(0.0) { total, start in
      total + counts[start..<min(counts.count, start + batchSize)].reduce(0) { $0 + $1.dice }
    }
    return total / Double(counts.count)
  }
}
