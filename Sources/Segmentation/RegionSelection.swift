import Confounders
import Torch

/// Text-guided region selection (MTRS): selects the positions most similar to a lesion.
///
/// Method, section 1.
public struct RegionSelection: Sendable {
  /// The settings.
  public let configuration: RegionConfiguration

  /// Makes a selection.
  ///
  /// - Parameter configuration: the settings.
  /// - Throws: `MethodError.option` for impossible settings.
  public init(_ configuration: RegionConfiguration) throws {
    guard configuration.fraction > 0, configuration.fraction <= 1 else {
      throw MethodError.option(
        name: "region.fraction", value: "\(configuration.fraction)", wanted: "above 0 and at most 1")
    }
    guard configuration.temperature > 0, configuration.temperature.isFinite else {
      throw MethodError.option(
        name: "region.temperature", value: "\(configuration.temperature)", wanted: "above 0 and finite")
    }
    self.configuration = configuration
  }

  /// Makes a selection of a fraction of the positions by the default score.
  ///
  /// - Parameter fraction: alpha, above 0 and at most 1.
  /// - Throws: `TorchError.value` for another fraction.
  package init(fraction: Double) throws {
    var configuration = RegionConfiguration()
    configuration.fraction = fraction
    try self.init(configuration)
  }

  /// Returns the number of selected positions of `positions`: ceil(alpha · positions).
  ///
  /// - Parameter positions: the number of all positions.
  /// - Returns: the number, at least 1.
  public func count(of positions: Int) -> Int {
    // A product such as 0.3 × 10 may be slightly above an integer.
    max(1, min(positions, Int((configuration.fraction * Double(positions) - 1e-9).rounded(.up))))
  }

  /// Computes S^, the similarity of each position to a lesion.
  ///
  /// `softmax` means p(lesion) = 1 − p(normal), with the softmax over S_1 … S_K, S_normal divided
  /// by the temperature t. The result is t times its logit, t·log Σ_k exp(S_k/t) − S_normal. It
  /// orders positions in the same way, but has the scale of a cosine. It has no ties, which occur
  /// where p rounds to 1. As t falls it becomes `less-normal`.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - text: the embeddings.
  /// - Returns: B×P.
  /// - Throws: `TorchError` if the widths differ.
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

  /// Selects the region of a score.
  ///
  /// - Parameters:
  ///   - score: S^, B×P.
  ///   - training: whether the model is in training, for which the settings may choose a soft
  ///     selection.
  /// - Returns: N positions of each image; a soft selection also has a gate over all positions.
  /// - Throws: `TorchError` for a score of another rank.
  public func region(_ score: Tensor, training: Bool) throws -> SelectedRegion {
    SelectedRegion(
      positions: try positions(score),
      gate: training && configuration.selection == .soft ? try gate(score) : nil)
  }

  /// Computes the gate of each position: sigmoid((S^ − threshold) / temperature).
  ///
  /// The gate is the fraction of a position that a soft selection uses. Each image has its own
  /// threshold, midway between its N-th highest score and the next. So alpha keeps its meaning: as
  /// the temperature falls, the gate becomes the N highest positions (except for ties). With alpha
  /// = 1 there is no next score and every gate is open.
  ///
  /// - Parameter score: S^, B×P. Gradients pass through it and through the threshold.
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

  /// Returns the positions with the highest scores, the first of equals.
  ///
  /// - Parameter score: S^, B×P.
  /// - Returns: int64, B×N, in descending order of score.
  /// - Throws: `TorchError` for a score of another rank.
  public func positions(_ score: Tensor) throws -> Tensor {
    let count = count(of: try score.sizes(rank: 2, "the region score")[1])
    return try withoutGradients {
      try score.sorted(dim: 1, descending: true).indices.narrowed(dim: 1, start: 0, length: count)
        .contiguous()
    }
  }
}

/// The selected positions of a grid, with functions that gather and scatter features.
public struct SelectedRegion: Sendable {
  /// The positions, int64, B×N.
  public let positions: Tensor
  /// The gate of each position of the grid, B×P, for a soft selection; nil for a hard one.
  public let gate: Tensor?

  /// Makes a region.
  ///
  /// - Parameters:
  ///   - positions: the positions, int64, B×N.
  ///   - gate: the gate of each position of the grid, B×P, for a soft selection; nil for a hard
  ///     one.
  public init(positions: Tensor, gate: Tensor? = nil) {
    self.positions = positions
    self.gate = gate
  }

  /// Gathers the features of the region: B×P×d → B×N×d, all P with a gate.
  ///
  /// - Parameter features: B×P×d.
  /// - Returns: B×N×d; B×P×d with a gate.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func gather(_ features: Tensor) throws -> Tensor {
    gate == nil ? try kept(features) : features
  }

  /// Scatters the result of `gather` into a grid B×P×d.
  ///
  /// It replaces the grid's values or mixes with them by the gate.
  ///
  /// - Parameters:
  ///   - values: the features in the form of `gather`.
  ///   - grid: B×P×d.
  /// - Returns: B×P×d.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func scatter(_ values: Tensor, into grid: Tensor) throws -> Tensor {
    guard let gate else { return try grid.scattered(dim: 1, index: wide(grid), source: values) }
    return try grid + gate.expandedDimension(-1) * (values - grid)
  }

  /// Returns the selected positions of the result of `gather`, B×N×d.
  ///
  /// L_causal uses these positions for a hard and for a soft selection.
  ///
  /// - Parameter values: the features in the form of `gather`.
  /// - Returns: B×N×d.
  /// - Throws: `TorchError` if the shapes do not fit.
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
