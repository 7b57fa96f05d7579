import Foundation
import Torch

/// Laplace's approximation of the weights of a logistic layer: a normal distribution around them.
///
/// Its covariance is the inverse of the Gauss–Newton matrix Σ p(1-p)·φφᵀ, which for a logistic
/// layer is the Hessian, plus the precision of a normal prior. The probability under that
/// distribution is σ(z / √(1 + π·v / 8)) with the variance v of the logit (MacKay, "The Evidence
/// Framework Applied to Classification Networks", Neural Computation 1992; Daxberger et al.,
/// "Laplace Redux", NeurIPS 2021).
package struct LogisticLaplace: Sendable {
  /// The Gauss–Newton matrix, added up over cases.
  package struct Curvature: Sendable {
    /// k×k, float64, of features and the constant 1 at the end.
    package let matrix: Tensor
    /// The number of cases.
    package let count: Double

    /// Makes the value from its parts.
    package init(matrix: Tensor, count: Double) {
      self.matrix = matrix
      self.count = count
    }

    /// Adds up cases.
    ///
    /// - Parameters:
    ///   - features: n×(k-1).
    ///   - probability: n, the probability of each case.
    /// - Throws: `TorchError` if the shapes do not fit.
    package init(features: Tensor, probability: Tensor) throws {
      let rows = try LogisticLaplace.withConstant(features)
      let p = try probability.to(.float64).reshaped([-1, 1])
      matrix = try (rows * (p * (1 - p))).transposed().matmul(rows)
      count = Double(try rows.size(0))
    }

    /// Adds other cases.
    ///
    /// - Throws: `TorchError` if the sizes differ.
    package func adding(_ other: Curvature) throws -> Curvature {
      Curvature(matrix: try matrix + other.matrix, count: count + other.count)
    }
  }

  /// The covariance of the weights, k×k; the constant is last.
  package let covariance: Tensor
  /// R with R·Rᵀ = covariance, k×k.
  package let root: Tensor

  /// Inverts a Gauss–Newton matrix.
  ///
  /// - Parameters:
  ///   - curvature: k×k.
  ///   - prior: the precision of each weight before the data, above 0.
  ///   - isDiagonal: whether only the diagonal of the matrix counts, as for many weights.
  /// - Throws: `TorchError` if the matrix is not finite or has an eigenvalue at or below -prior.
  package init(curvature: Tensor, prior: Double, isDiagonal: Bool = false) throws {
    let size = try curvature.size(0)
    let identity = try Tensor.arange(to: size).oneHot(size).to(.float64)
    let kept = isDiagonal ? try curvature * identity : curvature
    guard prior > 0, try kept.isFinite() else {
      throw TorchError.value("Laplace's approximation needs finite curvature and a prior above 0")
    }
    let (values, vectors) = try (kept + identity * prior).eigenvectors()
    let least = try values.min([0]).item()
    guard least > 0 else {
      throw TorchError.value("the curvature has the eigenvalue \(least - prior), so it has no inverse")
    }
    root = try vectors * values.power(-0.5)
    covariance = try root.matmul(root.transposed())
  }

  /// Restores an approximation from a stored covariance.
  ///
  /// - Parameter covariance: k×k, symmetric and positive definite.
  /// - Throws: `TorchError` if it is not.
  package init(covariance: Tensor) throws {
    let sizes = try covariance.sizes(rank: 2, "a covariance")
    guard sizes[0] == sizes[1], try covariance.isFinite() else {
      throw TorchError.value("a covariance of \(sizes[0])×\(sizes[1]) must be square and finite")
    }
    let (values, vectors) = try covariance.to(.float64).eigenvectors()
    guard try values.min([0]).item() > 0 else {
      throw TorchError.value("a covariance must have eigenvalues above 0")
    }
    self.covariance = try covariance.to(.float64)
    root = try vectors * values.squareRoot()
  }

  /// Computes the variance of the logits of cases.
  ///
  /// - Parameter features: n×(k-1).
  /// - Returns: n, float64.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func variance(of features: Tensor) throws -> Tensor {
    try Self.withConstant(features).matmul(root).power(2).sum([1])
  }

  /// Shrinks logits by their variance: z / √(1 + π·v / 8).
  ///
  /// - Parameters:
  ///   - logits: any shape.
  ///   - variance: of the same shape.
  /// - Returns: the adjusted logits.
  /// - Throws: `TorchError` if the shapes differ.
  package static func adjusted(_ logits: Tensor, variance: Tensor) throws -> Tensor {
    try logits / (variance * (Double.pi / 8) + 1).squareRoot()
  }

  private static func withConstant(_ features: Tensor) throws -> Tensor {
    let rows = try features.to(.float64)
    return try Tensor.concatenated([rows, .ones([rows.size(0), 1], dtype: .float64)], dim: 1)
  }
}
