extension Tensor {
  /// Returns the sum of all elements.
  public func sum() throws -> Tensor { try Operators.sum(self) }
  /// Returns the sum along dimensions.
  public func sum(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.sumDim(self, dims, keepDimensions)
  }
  /// Returns the sums of all elements up to each along a dimension.
  public func cumulativeSum(dim: Int) throws -> Tensor { try Operators.cumsum(self, dim) }
  /// Returns the mean of all elements.
  public func mean() throws -> Tensor { try Operators.mean(self) }
  /// Returns the mean along dimensions.
  public func mean(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.meanDim(self, dims, keepDimensions)
  }
  /// Returns the variance along dimensions, with the divisor n − `correction`.
  ///
  /// - Parameters:
  ///   - dims: the dimensions.
  ///   - correction: the number that is subtracted from n in the divisor.
  ///   - keepDimensions: whether these dimensions stay, with size 1.
  /// - Returns: the variances.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func variance(_ dims: [Int], correction: Int = 1, keepDimensions: Bool = false) throws -> Tensor {
    try Operators.varDim(self, dims, named: ["correction": correction, "keepdim": keepDimensions])
  }
  /// Returns the largest element along dimensions.
  public func max(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.amax(self, dims, keepDimensions)
  }
  /// Returns the smallest element along dimensions.
  public func min(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.amin(self, dims, keepDimensions)
  }
  /// Returns the index of the largest element along a dimension, the first of equals; int64.
  public func argmax(dim: Int) throws -> Tensor { try Operators.argmax(self, dim) }
  /// Returns the p-norm along dimensions.
  ///
  /// - Parameters:
  ///   - p: the power p.
  ///   - dims: the dimensions.
  ///   - keepDimensions: whether these dimensions stay, with size 1.
  /// - Returns: the norms.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func norm(_ p: Double = 2, dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.norm(self, p, dims, keepDimensions)
  }
  /// Divides by the Euclidean norm along a dimension, as `torch.nn.functional.normalize`.
  public func normalized(dim: Int = -1, epsilon: Double = 1e-12) throws -> Tensor {
    try self / norm(dims: [dim], keepDimensions: true).clamped(min: epsilon)
  }
  /// Returns whether every element is true, as a number.
  public func all() throws -> Tensor { try Operators.all(self) }
  /// Returns whether at least one element is true.
  public func any() throws -> Tensor { try Operators.any(self) }
  /// Sorts along a dimension, stable; returns values and int64 indices.
  public func sorted(dim: Int, descending: Bool = false) throws -> (values: Tensor, indices: Tensor) {
    let parts = try Operators.sort.tensors(
      self, named: ["stable": true, "dim": dim, "descending": descending])
    guard parts.count == 2 else { throw TorchError.value("sort returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// Returns the `count` largest elements along a dimension in descending order, and int64 indices.
  public func largest(_ count: Int, dim: Int) throws -> (values: Tensor, indices: Tensor) {
    let parts = try Operators.topk.tensors(self, count, dim)
    guard parts.count == 2 else { throw TorchError.value("topk returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// Decomposes a symmetric matrix.
  ///
  /// - Returns: the eigenvalues in increasing order, n, and the eigenvectors as columns, n×n.
  /// - Throws: `TorchError.operation` if it is not square, or the decomposition fails.
  public func eigenvectors() throws -> (values: Tensor, vectors: Tensor) {
    let parts = try Operators.eigh.tensors(self)
    guard parts.count == 2 else { throw TorchError.value("linalg_eigh returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// Computes the left singular vectors of a matrix m×n.
  ///
  /// - Returns: the vectors as columns, m×k with k the smaller side, and the singular values in
  ///   decreasing order, k.
  /// - Throws: `TorchError.operation` if the decomposition fails.
  public func singularVectors() throws -> (vectors: Tensor, values: Tensor) {
    let parts = try Operators.svd.tensors(self, false)
    guard parts.count == 3 else { throw TorchError.value("linalg_svd returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// Returns the logarithm of the sum of exponentials along dimensions.
  public func logSumExp(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.logsumexp(self, dims, keepDimensions)
  }
}
