import Torch

/// The images of a batch with which others are mixed.
enum Partners {
  /// Draws for each image another one of the batch, from another site if there is one.
  ///
  /// Each image has its own draw. The sites of a batch differ in size, so no permutation pairs all
  /// images.
  ///
  /// - Parameters:
  ///   - sites: the site of each image.
  ///   - generator: the only random number generator.
  /// - Returns: int64, B; the image itself in a batch of one.
  /// - Throws: `TorchError` from libtorch.
  static func drawn(sites: [Int], generator: Generator) throws -> Tensor {
    let labels = try Tensor(sites.map(Double.init)).to(.float32)
    let same = try labels.expandedDimension(0).equals(labels.expandedDimension(1)).to(.float32)
    let own = try Tensor.arange(to: sites.count).oneHot(sites.count).to(.float32)
    // The best of random scores from 0 to 1 wins. Images of the same site lose 1, and the image
    // itself loses 1 more.
    let scores = try Tensor.randomUniform([sites.count, sites.count], generator: generator)
    return try (scores - same - own).argmax(dim: 1)
  }
}
