import CLibTorch

extension Tensor {
  /// Computes attention of queries (self, B×H×N×d) over keys and values (B×H×M×d).
  ///
  /// - Parameters:
  ///   - keys: B×H×M×d.
  ///   - values: B×H×M×d.
  ///   - mask: added to the logits, broadcast to B×H×N×M.
  ///   - causal: whether position n attends only to positions up to n.
  /// - Returns: B×H×N×d.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func attention(
    keys: Tensor, values: Tensor, mask: Tensor? = nil, causal: Bool = false
  ) throws -> Tensor {
    if mask == nil, !causal, Machine.hasAttentionKernel, isFitForOwnAttention(keys, values),
      Machine.takesOwnAttention(dtype, width: shape[3])
    {
      return try ownAttention(keys: keys, values: values)
    }
    return try Operators.attention(self, keys, values, mask, 0.0, causal)
  }

  /// Returns whether `ownAttention` can replace libtorch's attention.
  ///
  /// It can for float32 or bfloat16 on the CPU without gradients.
  func isFitForOwnAttention(_ keys: Tensor, _ values: Tensor) -> Bool {
    let (own, other) = (shape, keys.shape)
    return own.count == 4 && other.count == 4 && values.shape == other
      && [.float32, .bfloat16].contains(dtype)
      && [self, keys, values].allSatisfy { $0.dtype == dtype && $0.device == .cpu } && !recordsGradients
      && own[3] % 16 == 0 && own[3] == other[3]
      // Under autocast, libtorch's operator converts types.
      && !(dtype == .float32 && mcdrl_autocasts_cpu())
      && own.prefix(2) == other.prefix(2) && !(own + other).contains(0)
  }

  /// Computes attention by a kernel of this package, without recording for gradients.
  ///
  /// The heads of a position are adjacent in memory, as the next layer needs them.
  ///
  /// - Throws: `TorchError.operation` for types, shapes and devices outside `isFitForOwnAttention`,
  ///   and if the processor lacks the instructions.
  func ownAttention(keys: Tensor, values: Tensor) throws -> Tensor {
    var result: mcdrl_tensor_t?
    try check("attention") { mcdrl_attend(handle, keys.handle, values.handle, &result, $0) }
    guard let result else { throw TorchError.value("libtorch returned no tensor") }
    return Tensor(owning: result)
  }
}
