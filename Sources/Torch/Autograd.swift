import CLibTorch

extension Tensor {
  /// Whether operators on this tensor are recorded for gradients.
  public var requiresGradient: Bool { mcdrl_tensor_requires_grad(handle) }

  /// Enables or disables gradients for this leaf.
  ///
  /// - Parameter value: whether operators on the tensor are recorded for gradients.
  /// - Returns: this tensor.
  /// - Throws: `TorchError.operation` if the tensor is no leaf or has no floating-point type.
  @discardableResult
  public func requireGradient(_ value: Bool = true) throws -> Tensor {
    try check("requires_grad_") { mcdrl_tensor_set_requires_grad(handle, value, $0) }
    return self
  }

  /// Returns the accumulated gradient, nil if there is none.
  ///
  /// - Returns: the gradient, of this tensor's shape.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func gradient() throws -> Tensor? {
    var out: mcdrl_tensor_t?
    try check("grad") { mcdrl_tensor_grad(handle, &out, $0) }
    return out.map(Tensor.init(owning:))
  }

  /// Replaces the gradient; nil clears it.
  ///
  /// - Parameter gradient: the new gradient, of this tensor's shape.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func setGradient(_ gradient: Tensor?) throws {
    try check("grad") { mcdrl_tensor_set_grad(handle, gradient?.handle, $0) }
  }

  /// Adds the gradients of this scalar to all leaves that require gradients.
  ///
  /// - Parameters:
  ///   - gradient: the gradient of the outcome by this tensor; 1 if nil, and then this tensor must
  ///     have one element.
  ///   - retainGraph: whether another backward pass will follow.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func backward(gradient: Tensor? = nil, retainGraph: Bool = false) throws {
    try Operators.backward.all(self, [Tensor](), gradient, retainGraph, false)
  }

  /// Returns the same values outside the graph.
  public func detached() throws -> Tensor { try Operators.detach(self) }
}

/// Whether operators on this thread are recorded for gradients.
var recordsGradients: Bool { mcdrl_grad_mode() }

/// Runs a body without recording operators for gradients, which is faster and takes less memory.
///
/// Only the calling thread is affected.
///
/// - Parameter body: the body, which runs on the calling thread.
/// - Returns: the result of the body.
@discardableResult
public func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
  let before = mcdrl_grad_mode()
  mcdrl_set_grad_mode(false)
  defer { mcdrl_set_grad_mode(before) }
  return try body()
}

/// Runs a body in inference mode: its results can never take part in training.
///
/// Faster than `withoutGradients`.
///
/// - Parameter body: the body, which runs on the calling thread.
/// - Returns: the result of the body.
@discardableResult
public func inferenceMode<Result>(_ body: () throws -> Result) rethrows -> Result {
  let guardObject = mcdrl_inference_begin()
  defer { mcdrl_inference_end(guardObject) }
  return try body()
}

/// Runs a body with matrix products and convolutions in a lower precision, or without one.
///
/// - Parameters:
///   - dtype: bfloat16 or float16; float32 switches the autocast around the body off, so that its
///     operators compute in the tensors' own precision; nil changes nothing.
///   - device: the device of the operators.
///   - body: the body, which runs on the calling thread.
/// - Returns: the result of the body.
/// - Throws: the error of the body, or `TorchError.operation` if the device has no autocast.
public func autocast<Result>(
  to dtype: DType?, on device: Device = .cpu, _ body: () throws -> Result
) throws -> Result {
  guard let dtype else { return try body() }
  var wasEnabled = false
  var oldType: Int32 = 0
  try check("autocast") {
    mcdrl_autocast_begin(device.kind.rawValue, dtype.rawValue, &wasEnabled, &oldType, $0)
  }
  let result = Swift.Result { try body() }
  try check("autocast") { mcdrl_autocast_end(device.kind.rawValue, wasEnabled, oldType, $0) }
  return try result.get()
}
