import Torch

/// Text-guided region selection (MTRS), method section 1: keeps the positions most like a lesion.
public struct RegionSelection: Sendable {
  /// The share of positions that are kept, 0 < alpha ≤ 1.
  public let fraction: Double
  /// Whether the score of the "normal" prompt is subtracted (ours; without it plain CLIP localises poorly).
  public let subtractsNormal: Bool

  /// Makes a selection.
  public init(fraction: Double, subtractsNormal: Bool) {
    self.fraction = fraction
    self.subtractsNormal = subtractsNormal
  }

  /// How many of `positions` are kept: ceil(alpha · positions).
  public func count(of positions: Int) -> Int {
    // A product such as 0.3 × 10 may land just above a whole number.
    max(1, min(positions, Int((fraction * Double(positions) - 1e-9).rounded(.up))))
  }

  /// S^: the largest cosine with a class prompt, less the cosine with the normal prompt when asked.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - text: the embeddings.
  /// - Returns: B×P.
  /// - Throws: `TorchError` when widths differ.
  public func score(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor {
    let unit = try features.normalized()
    let best = try unit.matmul(text.classes.transposed()).max([-1])
    return subtractsNormal ? try best - unit.matmul(text.normal) : best
  }

  /// The positions with the highest scores; of equal ones the first.
  ///
  /// - Parameter score: S^, B×P.
  /// - Returns: int64, B×N, by falling score.
  /// - Throws: `TorchError` for a score of another rank.
  public func positions(_ score: Tensor) throws -> Tensor {
    let count = count(of: try score.sizes(rank: 2, "the region score")[1])
    return try withoutGradients {
      try score.sorted(dim: 1, descending: true).indices.narrowed(dim: 1, start: 0, length: count)
        .contiguous()
    }
  }
}

/// Positions of a grid that were selected, and how to take features there and put them back.
public struct SelectedRegion: Sendable {
  /// int64, B×N.
  public let positions: Tensor

  /// Takes the selected features: B×P×d → B×N×d.
  public func gather(_ features: Tensor) throws -> Tensor {
    try features.gathered(dim: 1, index: wide(features))
  }

  /// Puts values at the selected positions of a grid: B×N×d into B×P×d.
  public func scatter(_ values: Tensor, into grid: Tensor) throws -> Tensor {
    try grid.scattered(dim: 1, index: wide(grid), source: values)
  }

  private func wide(_ features: Tensor) throws -> Tensor {
    try positions.expandedDimension(-1).expanded(to: [-1, -1, try features.size(2)])
  }
}
