import Torch

/// The features of a batch before the head: before and after the method.
public struct Representation: Sendable {
  /// The features C before the method, each position normalised, B×P×d.
  public let features: Tensor
  /// The features F of the selected positions, B×N×d; all positions if none are selected.
  public let observed: Tensor
  /// The intervened features F_ca, B×N×d; nil without an intervention.
  public let intervened: Tensor?
  /// The confounder weights at each position, B×N×M, sum to 1 over M; nil without attention.
  public let attention: Tensor?
  /// The head's input, all positions, B×P×d.
  public let grid: Tensor
  /// The score S^, B×P; nil without region selection.
  public let score: Tensor?
  /// The outputs of the tower layers for the head, each B×h×w×c; nil for the tower's own.
  public let layers: [Tensor]?

  /// Makes the value from its parts.
  ///
  /// - Parameters:
  ///   - features: C, each position normalised, B×P×d.
  ///   - observed: F of the selected positions, B×N×d.
  ///   - intervened: F_ca, B×N×d; nil without an intervention.
  ///   - attention: the weight of each confounder, B×N×M; nil without attention.
  ///   - grid: the head's input, B×P×d.
  ///   - score: S^, B×P; nil without region selection.
  ///   - layers: the outputs of the tower layers, if the method changes them.
  public init(
    features: Tensor, observed: Tensor, intervened: Tensor? = nil, attention: Tensor? = nil, grid: Tensor,
    score: Tensor? = nil, layers: [Tensor]? = nil
  ) {
    self.features = features
    self.observed = observed
    self.intervened = intervened
    self.attention = attention
    self.grid = grid
    self.score = score
    self.layers = layers
  }

  /// Makes the representation of a method that changes no features.
  ///
  /// - Parameter features: C, each position normalised, B×P×d.
  public init(unchanged features: Tensor) {
    self.init(features: features, observed: features, grid: features)
  }

  /// Returns this representation with another grid for the head.
  ///
  /// - Parameter grid: the head's input, B×P×d.
  /// - Returns: the representation.
  public func withGrid(_ grid: Tensor) -> Representation {
    Representation(
      features: features, observed: observed, intervened: intervened, attention: attention, grid: grid,
      score: score, layers: layers)
  }

  /// Applies a function to every tensor.
  ///
  /// - Parameter change: the function.
  /// - Returns: the changed representation.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> Representation {
    Representation(
      features: try change(features), observed: try change(observed), intervened: try intervened.map(change),
      attention: try attention.map(change), grid: try change(grid), score: try score.map(change),
      layers: try layers?.map(change))
  }
}

/// The outputs of a model for a batch.
public struct SegmentationOutput: Sendable {
  /// The lesion logits, B×K×S×S.
  public let logits: Tensor
  /// The features before the head.
  public let representation: Representation
  /// The image-level embedding F_vis, B×d.
  public let image: Tensor
  /// The head's features after the tower joins the image, B×c×h×w; nil without the common head.
  public let features: Tensor?
  /// The input of the head's last convolution, B×c×h×w; nil without the common head.
  package var last: Tensor?
  /// The outputs of the tower layers that the model reads, each B×h×w×c.
  public var layers: [Tensor] = []

  /// The features F_ca, B×N×d; F if the intervention is off.
  public var intervened: Tensor { representation.intervened ?? representation.observed }
}
