extension Tensor {
  /// The sum of all elements.
  public func sum() throws -> Tensor { try Operators.sum(self) }
  /// The sum along dimensions.
  public func sum(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.sumDim(self, dims, keepDimensions)
  }
  /// The mean of all elements.
  public func mean() throws -> Tensor { try Operators.mean(self) }
  /// The mean along dimensions.
  public func mean(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.meanDim(self, dims, keepDimensions)
  }
  /// The variance along dimensions, divided by n − `correction`.
  public func variance(_ dims: [Int], correction: Int = 1, keepDimensions: Bool = false) throws -> Tensor {
    try Operators.varDim(self, dims, named: ["correction": correction, "keepdim": keepDimensions])
  }
  /// The largest element along dimensions.
  public func max(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.amax(self, dims, keepDimensions)
  }
  /// The smallest element along dimensions.
  public func min(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.amin(self, dims, keepDimensions)
  }
  /// Where along a dimension the largest element is, the first when several are; int64.
  public func argmax(dim: Int) throws -> Tensor { try Operators.argmax(self, dim) }
  /// The p-norm along dimensions.
  public func norm(_ p: Double = 2, dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.norm(self, p, dims, keepDimensions)
  }
  /// Divided by its Euclidean norm along a dimension, as `torch.nn.functional.normalize`.
  public func normalized(dim: Int = -1, epsilon: Double = 1e-12) throws -> Tensor {
    try self / norm(dims: [dim], keepDimensions: true).clamped(min: epsilon)
  }
  /// Whether every element is true, as a number.
  public func all() throws -> Tensor { try Operators.all(self) }
  /// Whether some element is true.
  public func any() throws -> Tensor { try Operators.any(self) }
  /// Sorted along a dimension, equal elements in their old order; values and int64 indices.
  public func sorted(dim: Int, descending: Bool = false) throws -> (values: Tensor, indices: Tensor) {
    let parts = try Operators.sort.tensors(
      self, named: ["stable": true, "dim": dim, "descending": descending])
    guard parts.count == 2 else { throw TorchError.value("sort returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// The `count` largest elements along a dimension, falling; values and int64 indices.
  public func largest(_ count: Int, dim: Int) throws -> (values: Tensor, indices: Tensor) {
    let parts = try Operators.topk.tensors(self, count, dim)
    guard parts.count == 2 else { throw TorchError.value("topk returned \(parts.count) tensors") }
    return (parts[0], parts[1])
  }
  /// Running sums along a dimension.
  public func cumulativeSum(dim: Int) throws -> Tensor { try Operators.cumsum(self, dim) }
  /// The logarithm of the sum of exponentials along dimensions.
  public func logSumExp(_ dims: [Int], keepDimensions: Bool = false) throws -> Tensor {
    try Operators.logsumexp(self, dims, keepDimensions)
  }
}
