import Torch

/// Whom an image of a batch is mixed with.
enum Partners {
  /// For each image another one of the batch: of another site where there is one, else of its own.
  ///
  /// Drawn for each image alone, for the sites of a batch are not equally many, so that no permutation pairs all.
  ///
  /// - Parameters:
  ///   - sites: the site of each image.
  ///   - generator: the only source of chance.
  /// - Returns: int64, B; of a batch of one image itself.
  /// - Throws: `TorchError` from libtorch.
  static func drawn(sites: [Int], generator: Generator) throws -> Tensor {
    let labels = try Tensor(sites.map(Double.init)).to(.float32)
    let same = try labels.expandedDimension(0).equals(labels.expandedDimension(1)).to(.float32)
    let own = try Tensor.arange(to: sites.count).oneHot(sites.count).to(.float32)
    // The best of random scores from 0 to 1, of which one's own site loses 1 and the image itself another.
    let scores = try Tensor.randomUniform([sites.count, sites.count], generator: generator)
    return try (scores - same - own).argmax(dim: 1)
  }
}
