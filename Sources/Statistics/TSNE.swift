import Foundation
import Torch

/// t-distributed stochastic neighbour embedding, exact (van der Maaten and Hinton, JMLR 2008).
///
/// It maps points to the plane so that near points stay near. Distances between groups and the
/// sizes of groups mean little. It starts from the first two principal components, with early
/// exaggeration, momentum and a gain per coordinate. A step needs n² numbers, so it is meant for up
/// to some 2,000 points. The same points, seed, machine and number of threads give the same map bit
/// for bit.
public struct TSNE: Sendable {
  /// The effective number of neighbours of a point; lower for too few points.
  public var perplexity = 30.0
  /// The total number of steps.
  public var steps = 1000
  /// The number of first steps with exaggerated attraction.
  public var exaggeratedSteps = 250
  /// The factor of the exaggeration.
  public var exaggeration = 12.0
  /// The seed of the noise that separates points with the same start.
  public var seed: UInt64 = 0

  /// The maximum number of points; for more, n² numbers per step are too many.
  public static let limit = 10_000

  /// Makes the default settings.
  public init() {}

  /// A map in the plane.
  public struct Map: Sendable {
    /// n×2, float32.
    public let points: Tensor
    /// The loss of the map, in nats.
    ///
    /// It is the Kullback–Leibler divergence of the two distributions of neighbours.
    public let divergence: Double
    /// The perplexity of the map.
    public let perplexity: Double
  }

  /// Makes a map.
  ///
  /// - Parameter points: n×d.
  /// - Returns: n×2.
  /// - Throws: `TorchError.value` if there is no point, a number is not finite, or there are more
  ///   than `limit` points.
  public func callAsFunction(_ points: Tensor) throws -> Map {
    let count = try points.sizes(rank: 2, "the points")[0]
    guard (1...Self.limit).contains(count) else {
      throw TorchError.value("t-SNE of \(count) points; give 1 to \(Self.limit)")
    }
    guard try points.isFinite() else {
      throw TorchError.value("t-SNE of points of which some are not finite")
    }
    return try withoutGradients {
      let points = try points.to(.float64)
      let used = effectivePerplexity(count)
      guard count > 1 else {
        return Map(points: try .zeros([1, 2]), divergence: 0, perplexity: used)
      }
      let conditional = try Self.conditional(points, perplexity: used)
      // The matrix is symmetric and sums to 1 over all pairs.
      let joint = try ((conditional + conditional.transposed()) / (2 * Double(count))).to(.float32)
      let map = try descend(joint, from: start(points))
      return Map(points: map, divergence: try Self.divergence(joint, map), perplexity: used)
    }
  }

  /// Returns the perplexity for a number of points.
  ///
  /// It is a third of the other points at most, because a neighbourhood must be smaller than the
  /// whole. It is 2 if even that is less.
  public func effectivePerplexity(_ count: Int) -> Double {
    min(perplexity, max(Double(count - 1) / 3, min(2, Double(count) / 2)))
  }

  /// Computes the squared Euclidean distances between all pairs of rows: n×d → n×n.
  static func squaredDistances(_ points: Tensor, toItself: Double = 0) throws -> Tensor {
    // Centred points lose the least precision in the subtraction below.
    let centred = try points - points.mean([0], keepDimensions: true)
    let squares = try (centred * centred).sum([1], keepDimensions: true)
    let products = try centred.matmul(centred.transposed())
    let distances = try (squares + squares.transposed() - products * 2).clamped(min: 0)
    return try diagonal(try points.size(0)).choose(distances.zerosLike() + toItself, else: distances)
  }

  private static func diagonal(_ count: Int) throws -> Tensor {
    let index = try Tensor.arange(to: count)
    return try index.expandedDimension(0).equals(index.expandedDimension(1))
  }

  /// Computes p(j|i): normal densities about each point, with widths from the perplexity; n×n.
  ///
  /// The rows sum to 1. A bisection on the entropy of the row, log(perplexity), finds the widths. A
  /// row with more duplicates than the perplexity cannot reach it: its duplicates then share the
  /// weight.
  static func conditional(_ points: Tensor, perplexity: Double) throws -> Tensor {
    let count = try points.size(0)
    let raw = try squaredDistances(points)
    // The unit is the mean of the row, so the bracket fits any data. The distance of a point to
    // itself is so large that it has no weight.
    let mean = try raw.sum([1], keepDimensions: true) / Double(count - 1)
    let scaled = try raw / mean.equals(0).choose(mean.onesLike(), else: mean)
    let distances = try diagonal(count).choose(scaled.zerosLike() + 1e15, else: scaled)
    let nearest = try distances - distances.min([1], keepDimensions: true)
    func row(_ exponent: Tensor) throws -> (weights: Tensor, entropy: Tensor) {
      let precision = try (exponent * Foundation.log(2)).exp()
      let weights = try (-(nearest * precision)).exp()
      let total = try weights.sum([1], keepDimensions: true)
      let mean = try (weights * nearest).sum([1], keepDimensions: true) / total
      return (try weights / total, try total.log() + mean * precision)
    }
    // The entropy falls as the precision, 2 to the exponent, grows.
    var low = try Tensor.full([count, 1], -30, dtype: .float64)
    var high = try Tensor.full([count, 1], 50, dtype: .float64)
    let wanted = Foundation.log(perplexity)
    for _ in 0..<48 {
      let middle = try (low + high) / 2
      let isTooWide = try row(middle).entropy.greater(than: wanted)
      low = try isTooWide.choose(middle, else: low)
      high = try isTooWide.choose(high, else: middle)
    }
    return try row((low + high) / 2).weights
  }

  /// Returns the first two principal components with noise, n×2.
  ///
  /// The first component has a deviation of 1e-4; the noise has a hundredth of it. Without noise,
  /// points with the same start, or on one line, would stay there.
  private func start(_ points: Tensor) throws -> Tensor {
    let count = try points.size(0)
    let noise = try Tensor.randomNormal([count, 2], generator: Generator(seed: seed, for: "t-SNE")) * 1e-6
    let centred = try points - points.mean([0], keepDimensions: true)
    let parts = try Self.singularValues.tensors(centred, false)
    guard parts.count == 3 else { throw TorchError.value("linalg_svd returned \(parts.count) tensors") }
    let kept = min(2, try parts[1].size(0))
    var components = try (parts[0] * parts[1]).narrowed(dim: 1, start: 0, length: kept)
    // The sign of a component is arbitrary. This makes its largest coordinate positive.
    let largest = try components.magnitude().argmax(dim: 0).expandedDimension(0)
    let signs = try components.gathered(dim: 0, index: largest).atLeast(0).to(.float64) * 2 - 1
    components = try components * signs
    if kept == 1 { components = try components.padded([0, 1]) }
    let deviation = try components.narrowed(dim: 1, start: 0, length: 1).variance([0, 1], correction: 0)
      .squareRoot().item()
    return try (components * (deviation > 0 ? 1e-4 / deviation : 0)).to(.float32) + noise
  }

  private static let singularValues = Operator("aten::linalg_svd")
  private static let subtract = Operator("aten::sub", "Tensor")

  /// Runs gradient descent on the divergence; joint n×n, start n×2 → n×2.
  private func descend(_ joint: Tensor, from start: Tensor) throws -> Tensor {
    let count = Double(try start.size(0))
    var map = start
    var velocity = try start.zerosLike()
    var gains = try start.onesLike()
    let exaggeratedJoint = try joint * exaggeration
    for step in 0..<steps {
      let exaggerated = step < exaggeratedSteps
      // The attractions of a point sum to 4 · exaggeration / n. A longer step would overshoot
      // (Belkina and others, 2019).
      let rate = count / 4 / (exaggerated ? exaggeration : 1)
      let gradient = try Self.gradient(exaggerated ? exaggeratedJoint : joint, map)
      // If the gradient still points against the last move, the coordinate may move faster (Jacobs,
      // 1988).
      let goesOn = try (velocity * gradient).less(than: 0)
      gains = try goesOn.choose(gains + 0.2, else: gains * 0.8).clamped(min: 0.01)
      velocity = try velocity * (exaggerated ? 0.5 : 0.8) - gains * gradient * rate
      map = try map + velocity
      // Only differences matter. They lose the least precision at the origin.
      map = try map - map.mean([0], keepDimensions: true)
    }
    return map
  }

  /// Computes 1 / (1 + d²) between all pairs of the map, n×n, and their sum over different points.
  private static func affinities(_ map: Tensor) throws -> (values: Tensor, sum: Double) {
    let squares = try (map * map).sum([1], keepDimensions: true)
    // One product gives 1 + |a|² + |b|² − 2ab.
    let left = try Tensor.concatenated([map * -2, squares + 1, squares.onesLike()], dim: 1)
    let right = try Tensor.concatenated([map, squares.onesLike(), squares], dim: 1)
    let values = try left.matmul(right.transposed()).power(-1)
    return (values, max(try values.sum().item() - Double(try map.size(0)), 1e-12))
  }

  /// Computes 4 · Σ_j (p_ij − q_ij) (y_i − y_j) / (1 + d²_ij), n×2.
  private static func gradient(_ joint: Tensor, _ map: Tensor) throws -> Tensor {
    let (values, sum) = try affinities(map)
    // joint − values / sum in one pass; most of the time is spent here.
    let pulls = try subtract(joint, values, named: ["alpha": 1 / sum]) * values
    let sums = try pulls.matmul(
      .concatenated([map, map.narrowed(dim: 1, start: 0, length: 1).onesLike()], dim: 1))
    let weighted = try sums.narrowed(dim: 1, start: 0, length: 2)
    let total = try sums.narrowed(dim: 1, start: 2, length: 1)
    return try (map * total - weighted) * 4
  }

  /// Computes Σ p · log(p / q) over all pairs of different points.
  private static func divergence(_ joint: Tensor, _ map: Tensor) throws -> Double {
    let (values, sum) = try affinities(map)
    let p = try joint.to(.float64)
    let q = try (values.to(.float64) / sum).clamped(min: 1e-12)
    // A term with p = 0 is zero, and so is the pair of a point with itself.
    return try (p * (p.clamped(min: 1e-300).log() - q.log())).sum().item()
  }
}
