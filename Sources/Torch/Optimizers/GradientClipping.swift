/// Scales the gradients of all parameters so that their common Euclidean norm is within a limit.
///
/// - Parameters:
///   - parameters: the parameters; those without a gradient are ignored.
///   - maximum: the largest norm; infinity only measures.
/// - Returns: the norm before scaling; NaN or infinity if a gradient is not finite.
/// - Throws: `TorchError.operation` with libtorch's message.
@discardableResult
public func clipGradients(of parameters: [Tensor], toNorm maximum: Double) throws -> Double {
  try withoutGradients {
    let gradients = try parameters.compactMap { try $0.gradient() }
    guard !gradients.isEmpty else { return 0 }
    let norms = try Operators.foreachNorm.tensors(gradients, 2.0)
    let total = try Tensor.stacked(norms).norm(dims: [0])
    let norm = try total.item()
    if norm > maximum {
      try Operators.foreachMulTensor.all(gradients, Tensor.scalar(maximum / (norm + 1e-6)).to(total.device))
    }
    return norm
  }
}
