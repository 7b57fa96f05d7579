import Torch

/// The losses that bring pictures and true captions together.
package enum ContrastiveObjective {
  /// The symmetric contrastive loss of CLIP (Radford et al., 2021), where several captions may be true of one picture
  /// and one caption of several pictures: each true answer is given the same share of the target.
  ///
  /// - Parameters:
  ///   - logits: scaled cosines, B×U.
  ///   - truth: 1 where caption u is true of picture b, else 0; B×U.
  /// - Returns: a scalar; rows and columns without a true answer are left out of their direction.
  /// - Throws: `TorchError` when shapes differ.
  package static func symmetric(logits: Tensor, truth: Tensor) throws -> Tensor {
    func direction(_ dim: Int) throws -> Tensor {
      let total = try truth.sum([dim], keepDimensions: true)
      let target = try truth / total.clamped(min: 1)
      let counted = try total.clamped(max: 1).sum().clamped(min: 1)
      return try -(target * logits.logSoftmax(dim: dim)).sum() / counted
    }
    return try (direction(1) + direction(0)) * 0.5
  }

  /// How well a caption fits the best positions of a picture: the mean of the `count` largest cosines.
  ///
  /// A caption of a lesion is true of a few positions only, so that pooling by the best teaches where it is, without
  /// masks (multiple-instance learning).
  ///
  /// - Parameters:
  ///   - dense: features, normalised, B×P×d.
  ///   - texts: embeddings, normalised, U×d.
  ///   - count: how many positions.
  /// - Returns: B×U.
  /// - Throws: `TorchError` when widths differ.
  package static func pooled(dense: Tensor, texts: Tensor, best count: Int) throws -> Tensor {
    try dense.matmul(texts.transposed()).largest(min(count, dense.size(1)), dim: 1).values.mean([1])
  }
}
