import Torch

/// How many of the nearest neighbours of a case share its label.
///
/// This expresses the structure of a map in the plane as a number.
public struct NeighbourPurity: Codable, Equatable, Sendable {
  /// The number of neighbours.
  public let neighbours: Int
  /// The mean share of neighbours with the label of the case, 0 to 1.
  public let value: Double
  /// The expected share for random neighbours.
  public let chance: Double

  /// Makes a value from its parts.
  public init(neighbours: Int, value: Double, chance: Double) {
    self.neighbours = neighbours
    self.value = value
    self.chance = chance
  }

  /// Measures cases by Euclidean distance; nil for fewer than two.
  ///
  /// - Parameters:
  ///   - points: one row per case, n×d.
  ///   - labels: one per case.
  ///   - neighbours: the number of neighbours; all others if there are fewer.
  /// - Throws: `TorchError.value` if the number of labels is not n.
  public init?(_ points: Tensor, labels: [String], neighbours: Int = 15) throws {
    let count = try points.sizes(rank: 2, "the points")[0]
    guard labels.count == count else {
      throw TorchError.value("\(count) points need as many labels, not \(labels.count)")
    }
    guard count > 1 else { return nil }
    let asked = min(neighbours, count - 1)
    let codes = Dictionary(
      uniqueKeysWithValues: Set(labels).sorted().enumerated().map { ($1, $0) })
    let own = try Tensor(labels.map { codes[$0] ?? 0 })
    // The distance to itself is infinite, so no case is its own neighbour.
    let distances = try TSNE.squaredDistances(points.to(.float64), toItself: .infinity)
    let nearest = try (-distances).largest(asked, dim: 1).indices
    let same = try own.indexed(nearest.flattened()).reshaped([count, asked])
      .equals(own.expandedDimension(1))
    let sizes = Dictionary(grouping: labels, by: { $0 }).values.map { Double($0.count) }
    let others = Double(count) - 1
    self.init(
      neighbours: asked, value: try same.to(.float64).mean().item(),
      chance: sizes.reduce(0) { $0 + $1 * ($1 - 1) } / (Double(count) * others))
  }
}
