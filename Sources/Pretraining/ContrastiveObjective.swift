import Torch

/// The losses that align images with their true captions.
package enum ContrastiveObjective {
  /// Computes the symmetric contrastive loss of CLIP (Radford et al., 2021).
  ///
  /// Several captions may be true of one image, and one caption of several images. Each true answer
  /// has the same share of the target.
  ///
  /// - Parameters:
  ///   - logits: scaled cosines, B×U.
  ///   - truth: 1 where caption u is true of image b, else 0; B×U.
  /// - Returns: a scalar. A row or column without a true answer does not count in its direction.
  /// - Throws: `TorchError` if the shapes differ.
  package static func symmetric(logits: Tensor, truth: Tensor) throws -> Tensor {
    func direction(_ dim: Int) throws -> Tensor {
      let total = try truth.sum([dim], keepDimensions: true)
      let target = try truth / total.clamped(min: 1)
      let counted = try total.clamped(max: 1).sum().clamped(min: 1)
      return try -(target * logits.logSoftmax(dim: dim)).sum() / counted
    }
    return try (direction(1) + direction(0)) * 0.5
  }

  /// Scores a caption by the mean of the `count` largest cosines over the positions of an image.
  ///
  /// A caption of a lesion is true at a few positions only. So pooling over the best positions
  /// teaches the location of the lesion without masks (multiple-instance learning).
  ///
  /// - Parameters:
  ///   - dense: features, normalised, B×P×d.
  ///   - texts: embeddings, normalised, U×d.
  ///   - count: the number of positions.
  /// - Returns: B×U.
  /// - Throws: `TorchError` if the widths differ.
  package static func pooled(dense: Tensor, texts: Tensor, best count: Int) throws -> Tensor {
    try dense.matmul(texts.transposed()).largest(min(count, dense.size(1)), dim: 1).values.mean([1])
  }
}
