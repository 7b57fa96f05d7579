import Torch

/// The features of a batch before the head, and after the method has changed them.
public struct Representation: Sendable {
  /// C, each position normalised, B×P×d: all positions before the method.
  public let features: Tensor
  /// F, the selected positions, B×N×d; all positions where none are selected.
  public let observed: Tensor
  /// F_ca, B×N×d; nil without an intervention.
  public let intervened: Tensor?
  /// The weight of each confounder at each position, B×N×M, sums to 1 over M; nil where nothing attends.
  public let attention: Tensor?
  /// All positions as the head reads them, B×P×d.
  public let grid: Tensor
  /// S^, B×P; nil where no regions are selected.
  public let score: Tensor?

  /// Joins the parts.
  public init(
    features: Tensor, observed: Tensor, intervened: Tensor? = nil, attention: Tensor? = nil, grid: Tensor,
    score: Tensor? = nil
  ) {
    self.features = features
    self.observed = observed
    self.intervened = intervened
    self.attention = attention
    self.grid = grid
    self.score = score
  }

  /// Features that no method changes: the head reads them as they are.
  public init(unchanged features: Tensor) {
    self.init(features: features, observed: features, grid: features)
  }

  /// The same with another grid for the head.
  public func withGrid(_ grid: Tensor) -> Representation {
    Representation(
      features: features, observed: observed, intervened: intervened, attention: attention, grid: grid,
      score: score)
  }

  /// The same with every tensor changed.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> Representation {
    Representation(
      features: try change(features), observed: try change(observed), intervened: try intervened.map(change),
      attention: try attention.map(change), grid: try change(grid), score: try score.map(change))
  }
}

/// The outputs of a model for a batch.
public struct SegmentationOutput: Sendable {
  /// Lesion logits, B×1×S×S.
  public let logits: Tensor
  /// The features before the head.
  public let representation: Representation
  /// F_vis, B×d.
  public let image: Tensor
  /// The head's features where tower and image have met, B×c×h×w; nil where a method replaces the head.
  public let features: Tensor?

  /// F_ca, B×N×d; F itself where the intervention is off.
  public var intervened: Tensor { representation.intervened ?? representation.observed }
}
