extension Tensor {
  /// Returns the elements in another shape; one size may be −1.
  public func reshaped(_ shape: [Int]) throws -> Tensor { try Operators.reshape(self, shape) }
  /// Reorders the dimensions.
  public func permuted(_ order: [Int]) throws -> Tensor { try Operators.permute(self, order) }
  /// Exchanges two dimensions.
  public func transposed(_ first: Int = -1, _ second: Int = -2) throws -> Tensor {
    try Operators.transpose(self, first, second)
  }
  /// Merges the dimensions from `start` to `end`, both included, into one.
  public func flattened(from start: Int = 0, to end: Int = -1) throws -> Tensor {
    try Operators.flatten(self, start, end)
  }
  /// Inserts a dimension of size 1.
  public func expandedDimension(_ dimension: Int) throws -> Tensor {
    try Operators.unsqueeze(self, dimension)
  }
  /// Removes a dimension of size 1.
  public func squeezed(_ dimension: Int) throws -> Tensor { try Operators.squeeze(self, dimension) }
  /// Repeats dimensions of size 1 without copying; −1 keeps a size.
  public func expanded(to shape: [Int]) throws -> Tensor { try Operators.expand(self, shape) }
  /// Repeats the whole tensor along each dimension.
  public func tiled(_ times: [Int]) throws -> Tensor { try Operators.tile(self, times) }
  /// Splits into equal parts along a dimension; the last may be smaller.
  public func chunks(_ count: Int, dim: Int) throws -> [Tensor] {
    try Operators.chunk.tensors(self, count, dim)
  }
  /// Returns `length` indices from `start` along a dimension.
  ///
  /// - Parameters:
  ///   - dim: the dimension.
  ///   - start: the first index.
  ///   - length: the number of indices.
  /// - Returns: a view of these indices.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func narrowed(dim: Int, start: Int, length: Int) throws -> Tensor {
    try Operators.narrow(self, dim, start, length)
  }
  /// Returns one index of a dimension and removes the dimension.
  public func selected(dim: Int, index: Int) throws -> Tensor { try Operators.select(self, dim, index) }
  /// Returns every `step`-th index of a dimension.
  ///
  /// - Parameters:
  ///   - dim: the dimension.
  ///   - step: the distance of the indices.
  ///   - start: the first index.
  /// - Returns: a view of these indices.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func strided(dim: Int, by step: Int, from start: Int = 0) throws -> Tensor {
    try Operators.slice(self, dim, start, nil, step)
  }
  /// Reverses along dimensions.
  public func flipped(_ dimensions: [Int]) throws -> Tensor { try Operators.flip(self, dimensions) }
  /// Shifts along dimensions; elements that leave at the end enter at the start.
  public func rolled(_ shifts: [Int], dims: [Int]) throws -> Tensor { try Operators.roll(self, shifts, dims) }
  /// Pads; amounts before and after, last dimension first.
  ///
  /// Modes: constant, reflect, replicate.
  ///
  /// - Parameters:
  ///   - amounts: the amounts before and after, last dimension first.
  ///   - mode: `constant`, `reflect` or `replicate`.
  ///   - value: the number for `constant`.
  /// - Returns: the padded tensor.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func padded(_ amounts: [Int], mode: String = "constant", value: Double = 0) throws -> Tensor {
    try Operators.pad(self, amounts, mode, mode == "constant" ? value : nil)
  }
  /// Gathers the elements that `index` (int64, same rank) names along a dimension.
  public func gathered(dim: Int, index: Tensor) throws -> Tensor { try Operators.gather(self, dim, index) }
  /// Returns a copy with the elements that `index` names along a dimension replaced by `source`.
  ///
  /// - Parameters:
  ///   - dim: the dimension.
  ///   - index: the indices, int64, of the same rank.
  ///   - source: the new elements.
  /// - Returns: the copy.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func scattered(dim: Int, index: Tensor, source: Tensor) throws -> Tensor {
    try Operators.scatter(self, dim, index, source)
  }
  /// Returns a copy with `source` added to the elements that `index` names along a dimension.
  ///
  /// - Parameters:
  ///   - dim: the dimension.
  ///   - index: the indices, int64, of the same rank.
  ///   - source: the elements to add.
  /// - Returns: the copy.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func scatteredSum(dim: Int, index: Tensor, source: Tensor) throws -> Tensor {
    try Operators.scatterAdd(self, dim, index, source)
  }
  /// Selects the indices in `index` (int64, one dimension) along a dimension.
  public func indexed(_ index: Tensor, dim: Int = 0) throws -> Tensor {
    try Operators.indexSelect(self, dim, index)
  }
  /// Encodes class indices (int64) as vectors of 0 and 1, in a new last dimension (int64).
  public func oneHot(_ classes: Int) throws -> Tensor { try Operators.oneHot(self, classes) }

  /// Joins tensors along a dimension.
  public static func concatenated(_ tensors: [Tensor], dim: Int) throws -> Tensor {
    try Operators.cat(tensors, dim)
  }
  /// Joins tensors of equal shape along a new dimension.
  public static func stacked(_ tensors: [Tensor], dim: Int = 0) throws -> Tensor {
    try Operators.stack(tensors, dim)
  }
}
