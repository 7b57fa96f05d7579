import Torch

/// Linear regression with a penalty on the weights, on columns scaled to mean 0 and deviation 1.
///
/// It minimises the mean of (y - ŷ)² plus `penalty` times the squared length of the weights. The
/// constant has no penalty.
package struct RidgeRegression: Codable, Equatable, Sendable {
  /// The weight of each column, in its own units.
  package let weights: [Double]
  /// The constant.
  package let constant: Double

  /// Makes the value from stored parts.
  package init(weights: [Double], constant: Double) {
    self.weights = weights
    self.constant = constant
  }

  /// Fits weights.
  ///
  /// - Parameters:
  ///   - rows: the columns of each case; all rows have the same number.
  ///   - targets: y of each case.
  ///   - penalty: above 0.
  /// - Throws: `TorchError` without a case, or if a number is not finite.
  package init(rows: [[Double]], targets: [Double], penalty: Double) throws {
    guard let width = rows.first?.count, width > 0, rows.count == targets.count else {
      throw TorchError.value("a regression needs at least one case with one column")
    }
    let x = try Tensor(rows.flatMap { $0 }, shape: [rows.count, width])
    let y = try Tensor(targets, shape: [targets.count, 1])
    guard try x.isFinite(), try y.isFinite() else {
      throw TorchError.value("a regression needs finite numbers")
    }
    let mean = try x.mean([0])
    let spread = try x.variance([0], correction: 0).squareRoot()
    // A constant column gets no weight, because it is 0 after the mean is taken away.
    let deviation = try spread.greater(than: 1e-10).choose(spread, else: spread.onesLike())
    let scaled = try (x - mean) / deviation
    let (count, centre) = (Double(targets.count), try y.mean().item())
    let gram = try scaled.transposed().matmul(scaled) / count
    let (values, vectors) = try gram.eigenvectors()
    let moment = try scaled.transposed().matmul(y - centre) / count
    let inverse = try (vectors / (values.clamped(min: 0) + penalty)).matmul(vectors.transposed())
    let found = try inverse.matmul(moment).squeezed(1) / deviation
    weights = try found.doubles()
    constant = centre - zip(weights, try mean.doubles()).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Returns ŷ of a case.
  package func callAsFunction(_ row: [Double]) -> Double {
    zip(weights, row).reduce(constant) { $0 + $1.0 * $1.1 }
  }
}
