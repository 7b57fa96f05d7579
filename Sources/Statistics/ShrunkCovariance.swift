import Torch

/// A covariance that is pulled toward a multiple of the identity, for fewer cases than features.
///
/// Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, Journal of
/// Multivariate Analysis 88, 2004: (1 − γ)·C + γ·m·I with C = XᵀX / n, m the mean of its diagonal, and
/// γ that minimises the expected squared error.
package struct ShrunkCovariance: Sendable {
  /// γ, from 0 to 1.
  package let shrinkage: Double
  /// The eigenvalues of the shrunk covariance in increasing order, float64, k.
  package let values: Tensor
  /// The eigenvectors as columns, k×k.
  package let vectors: Tensor

  /// Estimates the covariance.
  ///
  /// - Parameter rows: n×k, already centred, at least one row and one column.
  /// - Throws: `TorchError` for another shape, or if a value is not finite.
  package init(centred rows: Tensor) throws {
    let sizes = try rows.sizes(rank: 2, "the rows of a covariance")
    guard sizes[0] > 0, sizes[1] > 0, try rows.isFinite() else {
      throw TorchError.value("a covariance of \(sizes[0])×\(sizes[1]) needs rows, columns and finite values")
    }
    let (rows, count) = (try rows.to(.float64), Double(sizes[0]))
    let covariance = try rows.transposed().matmul(rows) / count
    let (plain, vectors) = try covariance.eigenvectors()
    let (mean, squares) = (try plain.mean().item(), try plain.power(2).sum().item())
    let fourth = try rows.power(2).sum([1]).power(2).mean().item()
    // ‖C − m·I‖² from the eigenvalues, and the expected squared error of C.
    let distance = squares - Double(sizes[1]) * mean * mean
    let error = (fourth - squares) / count
    shrinkage = distance > 0 ? min(1, max(0, error / distance)) : 1
    // Rounding must not leave an eigenvalue at or below 0. Rows that are all 0 need no whitening.
    let least = mean > 0 ? mean * 1e-9 : 1
    values = try (plain * (1 - shrinkage) + mean * shrinkage).clamped(min: least)
    self.vectors = vectors
  }

  /// Computes the inverse square root, k×k: the whitening of features with this covariance.
  ///
  /// - Throws: `TorchError` with libtorch's message.
  package func whitening() throws -> Tensor {
    try (vectors * values.power(-0.5)).matmul(vectors.transposed())
  }
}
