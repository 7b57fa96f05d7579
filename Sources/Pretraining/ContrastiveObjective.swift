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

  /// Compares the difference of lesion and normal words with the masks at each position.
  ///
  /// The target of a position is the share of its area that is lesion, so coarse grids work, too.
  ///
  /// - Parameters:
  ///   - dense: features, normalised, B×h×w×d.
  ///   - lesions: the embedding of each image's class words, normalised, B×d.
  ///   - normal: the embedding of the words for normal images, normalised, d.
  ///   - masks: 0 or 1, B×1×S×S.
  ///   - scale: the factor of the cosines.
  /// - Returns: the mean binary cross-entropy, a scalar.
  /// - Throws: `TorchError` if the shapes differ.
  package static func masked(
    dense: Tensor, lesions: Tensor, normal: Tensor, masks: Tensor, scale: Tensor
  ) throws -> Tensor {
    let sizes = try dense.sizes(rank: 4, "the dense features")
    let difference = try (lesions - normal.expandedDimension(0)).reshaped([sizes[0], 1, 1, sizes[3]])
    let logits = try (dense * difference).sum([3]) * scale
    let target = try masks.averagePool(height: sizes[1], width: sizes[2]).squeezed(1)
    return try logits.binaryCrossEntropies(targets: target).mean()
  }
}
