import Torch

/// How many of a case's nearest neighbours share its label: what a map in the plane shows, as a number.
public struct NeighbourPurity: Codable, Equatable, Sendable {
  /// Neighbours that were asked.
  public let neighbours: Int
  /// The mean share of them that have the case's label, 0 to 1.
  public let value: Double
  /// The share that neighbours drawn at random would have.
  public let chance: Double

  /// Joins the parts.
  public init(neighbours: Int, value: Double, chance: Double) {
    self.neighbours = neighbours
    self.value = value
    self.chance = chance
  }

  /// Measures cases by Euclidean distance; nil for fewer than two.
  ///
  /// - Parameters:
  ///   - points: one row a case, n×d.
  ///   - labels: one a case.
  ///   - neighbours: how many to ask; all others when there are fewer.
  /// - Throws: `TorchError.value` when the number of labels is not n.
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
    // Far from itself, so that no case is its own neighbour.
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
