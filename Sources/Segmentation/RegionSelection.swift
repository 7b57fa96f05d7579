import Confounders
import Torch

/// Text-guided region selection (MTRS), method section 1: keeps the positions most like a lesion.
public struct RegionSelection: Sendable {
  /// The settings.
  public let configuration: RegionConfiguration

  /// Makes a selection.
  ///
  /// - Throws: `TorchError.value` for settings that are not possible.
  public init(_ configuration: RegionConfiguration) throws {
    guard configuration.fraction > 0, configuration.fraction <= 1 else {
      throw TorchError.value("region.fraction is \(configuration.fraction); it must be above 0 and at most 1")
    }
    guard configuration.temperature > 0, configuration.temperature.isFinite else {
      throw TorchError.value("region.temperature is \(configuration.temperature); it must be above 0")
    }
    self.configuration = configuration
  }

  /// How many of `positions` are kept: ceil(alpha · positions).
  public func count(of positions: Int) -> Int {
    // A product such as 0.3 × 10 may land just above a whole number.
    max(1, min(positions, Int((configuration.fraction * Double(positions) - 1e-9).rounded(.up))))
  }

  /// S^: how much each position looks like a lesion.
  ///
  /// `softmax` asks for p(lesion) = 1 − p(normal), the softmax over S_1 … S_K, S_normal divided by the
  /// temperature t. Given is t times its logit, t·log Σ_k exp(S_k/t) − S_normal: the same order of positions,
  /// but with the scale of a cosine and without the ties that come where p rounds to 1. As t falls it becomes
  /// `less-normal`.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - text: the embeddings.
  /// - Returns: B×P.
  /// - Throws: `TorchError` when widths differ.
  public func score(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor {
    let unit = try features.normalized()
    let classes = try unit.matmul(text.classes.transposed())
    switch configuration.score {
    case .max: return try classes.max([-1])
    case .lessNormal: return try classes.max([-1]) - unit.matmul(text.normal)
    case .softmax:
      let temperature = configuration.temperature
      return try (classes / temperature).logSumExp([-1]) * temperature - unit.matmul(text.normal)
    }
  }

  /// The region that a score selects.
  ///
  /// - Parameters:
  ///   - score: S^, B×P.
  ///   - training: whether the model is trained, where the settings may ask for a soft selection.
  /// - Returns: N positions of each image, with a gate over all of them where the selection is soft.
  /// - Throws: `TorchError` for a score of another rank.
  public func region(_ score: Tensor, training: Bool) throws -> SelectedRegion {
    SelectedRegion(
      positions: try positions(score),
      gate: training && configuration.selection == .soft ? try gate(score) : nil)
  }

  /// How much of each position a soft selection takes: sigmoid((S^ − threshold) / temperature).
  ///
  /// The threshold is the image's own, in the middle between its N-th highest score and the next, so that
  /// alpha keeps its meaning: as the temperature falls the gate becomes the N highest positions (but for
  /// ties). With alpha = 1 there is no next one and every gate is open.
  ///
  /// - Parameter score: S^, B×P; gradients pass through it, the threshold included.
  /// - Returns: B×P, 0 to 1.
  /// - Throws: `TorchError` for a score of another rank.
  public func gate(_ score: Tensor) throws -> Tensor {
    let positions = try score.sizes(rank: 2, "the region score")[1]
    let count = count(of: positions)
    guard count < positions else { return try score.zerosLike() + 1 }
    let threshold = try score.sorted(dim: 1, descending: true).values
      .narrowed(dim: 1, start: count - 1, length: 2).mean([1], keepDimensions: true)
    return try ((score - threshold) / configuration.temperature).sigmoid()
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
  /// How much of each position of the grid is taken, B×P, where the selection is soft; nil where it is hard.
  public let gate: Tensor?

  /// Makes a region.
  public init(positions: Tensor, gate: Tensor? = nil) {
    self.positions = positions
    self.gate = gate
  }

  /// Takes the features that go on: B×P×d → B×N×d, all P with a gate.
  public func gather(_ features: Tensor) throws -> Tensor {
    gate == nil ? try kept(features) : features
  }

  /// Puts what `gather` took back into a grid B×P×d: in place of what stands there, or mixed with it by the
  /// gate.
  public func scatter(_ values: Tensor, into grid: Tensor) throws -> Tensor {
    guard let gate else { return try grid.scattered(dim: 1, index: wide(grid), source: values) }
    return try grid + gate.expandedDimension(-1) * (values - grid)
  }

  /// Of what `gather` took the selected positions alone, B×N×d: L_causal is about these, however they are
  /// selected.
  public func selected(_ values: Tensor) throws -> Tensor {
    gate == nil ? values : try kept(values)
  }

  private func kept(_ features: Tensor) throws -> Tensor {
    try features.gathered(dim: 1, index: wide(features))
  }

  private func wide(_ features: Tensor) throws -> Tensor {
    try positions.expandedDimension(-1).expanded(to: [-1, -1, try features.size(2)])
  }
}
