import Torch

/// A linear probe: logistic regression on frozen features, which measures what they contain.
///
/// Features are scaled to mean 0 and deviation 1 over the cases of the fit, so their scale does not
/// matter. The probe minimises ½‖W‖² + C·Σ loss without a penalty on the biases, as
/// `LogisticRegression` of scikit-learn does. It uses float64, runs to convergence and has no
/// randomness.
public struct LinearProbe: Sendable {
  /// The function from logits to labels.
  public enum Link: Sendable {
    /// Exactly one class is true of a case: softmax.
    case oneOf
    /// Each column is an independent yes or no: sigmoid.
    case each
  }

  /// C: the weight of the cases against the penalty.
  public var weight: Double
  /// The number of parts of the cross-validation.
  public var folds: Int
  /// The tolerance of the minimum: the largest element of the gradient, per case.
  public var tolerance: Double

  /// Makes a probe.
  public init(weight: Double = 0.1, folds: Int = 5, tolerance: Double = 1e-4) {
    self.weight = weight
    self.folds = folds
    self.tolerance = tolerance
  }

  /// A fitted probe.
  public struct Fit: Sendable {
    /// K×d: the weights of the features at mean 0 and deviation 1.
    public let weights: Tensor
    /// K: the biases.
    public let bias: Tensor
    /// 1×d: the mean of the features.
    public let mean: Tensor
    /// 1×d: the deviation of the features; 1 for a constant feature.
    public let deviation: Tensor
    /// Whether the search reached the minimum.
    public let converged: Bool

    /// Computes logits, n×K, from points, n×d.
    public func logits(_ points: Tensor) throws -> Tensor {
      try ((points.to(.float64) - mean) / deviation).linear(weights, bias: bias)
    }
  }

  /// Fits a probe.
  ///
  /// - Parameters:
  ///   - points: the features, n×d.
  ///   - targets: the true labels of each case, n×K of 0 and 1.
  ///   - link: whether columns exclude each other.
  ///   - start: the fit to similar features; it speeds up the search.
  /// - Returns: the fit.
  /// - Throws: `TorchError` if the shapes do not match or a feature is not finite.
  public func fit(
    _ points: Tensor, targets: Tensor, link: Link, from start: Fit? = nil
  ) throws -> Fit {
    try withoutGradients {
      let sizes = try points.sizes(rank: 2, "the features of a probe")
      let (points, targets) = (try points.to(.float64), try targets.to(.float64))
      guard try points.isFinite(), try targets.sizes(rank: 2, "the targets of a probe")[0] == sizes[0] else {
        throw TorchError.value("a probe of \(sizes[0]) cases needs finite features and as many targets")
      }
      let mean = try points.mean([0], keepDimensions: true)
      let spread = try points.variance([0], correction: 0, keepDimensions: true).squareRoot()
      // Rounding gives a constant feature a tiny deviation.
      let deviation = try spread.greater(than: 1e-10).choose(spread, else: spread.onesLike())
      let ones = try Tensor.ones([sizes[0], 1], dtype: .float64)
      let cases = try Tensor.concatenated([(points - mean) / deviation, ones], dim: 1)
      let shape = [try targets.size(1), sizes[1] + 1]
      let penalised = try Tensor.concatenated(
        [.ones([1, sizes[1]], dtype: .float64), .zeros([1, 1], dtype: .float64)], dim: 1)
      let across = try cases.transposed().contiguous()
      // The loss is per case, so the tolerance means the same for any number of cases.
      let scale = 1 / (weight * Double(max(1, sizes[0])))
      let first =
        try start.map {
          try Tensor.concatenated([$0.weights, $0.bias.expandedDimension(1)], dim: 1).reshaped([-1])
        }
        ?? .zeros([shape[0] * shape[1]], dtype: .float64)
      let found = try LBFGS(tolerance: tolerance).minimum(from: first) { flat in
        let all = try flat.reshaped(shape)
        let logits = try cases.matmul(all.transposed())
        let (loss, residual) = try Self.loss(logits, targets, link)
        let kept = try all * penalised
        let value = try weight * loss + (kept * kept).sum().item() / 2
        let gradient = try across.matmul(residual).transposed() * weight + kept
        return (value * scale, try (gradient * scale).reshaped([-1]))
      }
      let all = try found.point.reshaped(shape)
      return Fit(
        weights: try all.narrowed(dim: 1, start: 0, length: sizes[1]).contiguous(),
        bias: try all.selected(dim: 1, index: sizes[1]).contiguous(), mean: mean, deviation: deviation,
        converged: found.converged)
    }
  }

  /// Computes the summed cross-entropy and its gradient by the logits.
  private static func loss(
    _ logits: Tensor, _ targets: Tensor, _ link: Link
  ) throws -> (value: Double, residual: Tensor) {
    switch link {
    case .oneOf:
      let logs = try logits.logSoftmax(dim: 1)
      return (try -(targets * logs).sum().item(), try logs.exp() - targets)
    case .each:
      // log σ(x) − x = log σ(−x)
      let logs = try logits.logSigmoid()
      return (try ((1 - targets) * logits - logs).sum().item(), try logits.sigmoid() - targets)
    }
  }
}
