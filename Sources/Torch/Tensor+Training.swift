import CLibTorch

// Operators that libtorch computes slowly in training. On other devices and for other layouts they
// are libtorch's own, and without gradients all but linear layers are.
extension Tensor {
  /// Convolves each channel of B×C×H×W by a kernel of its own.
  ///
  /// Kernels of this package compute the gradients by strided inputs and by weights larger than 3×3
  /// with channels last on the CPU, where libtorch's are slow.
  ///
  /// - Parameters:
  ///   - weight: C×1×k×k.
  ///   - bias: C; nil for none.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros on each side.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func depthwiseConv2d(
    _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0
  ) throws -> Tensor {
    try Self.made("depthwise convolution") {
      mcdrl_depthwise_convolution(
        handle, weight.handle, bias?.handle, Int64(stride), Int64(padding), $0, $1)
    }
  }

  /// Normalises each channel of B×C×h×w, adds a tensor and applies an activation.
  ///
  /// With channels last on the CPU, a forward and a backward pass read the tensor twice each.
  ///
  /// - Parameters:
  ///   - weight: the scale, C.
  ///   - bias: the shift, C.
  ///   - mean: the running mean, which training updates.
  ///   - variance: the running variance, which training updates.
  ///   - training: whether to use the batch's statistics.
  ///   - momentum: the weight of the batch in the running statistics.
  ///   - epsilon: a number that is added to the variance.
  ///   - residual: the tensor to add, B×C×h×w; nil for none.
  ///   - activation: the function of the sum.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  func batchNorm(
    weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, training: Bool, momentum: Double,
    epsilon: Double, adding residual: Tensor?, activation: CompiledConvolution.Activation
  ) throws -> Tensor {
    let (slope, cap) = activation.line ?? (1, .infinity)
    let result = try Self.made("batch_norm") {
      mcdrl_normalize(
        handle, weight.handle, bias.handle, residual?.handle, mean.handle, variance.handle, training,
        momentum, epsilon, slope, cap, $0, $1)
    }
    return activation.line == nil ? try activation(result) : result
  }

  /// Resizes B×C×H×W bilinearly; a larger image has a fast backward pass.
  func resizedBilinearly(height: Int, width: Int) throws -> Tensor {
    try Self.made("upsample_bilinear2d") { mcdrl_enlarge(handle, Int64(height), Int64(width), $0, $1) }
  }

  /// Computes x · weightᵀ + bias over the last dimension; weight out×in.
  ///
  /// On AMD's processors with AVX-512, oneDNN computes large products in float32, with gradients or
  /// without. Otherwise libtorch chooses.
  public func linear(_ weight: Tensor, bias: Tensor? = nil) throws -> Tensor {
    try Self.made("linear") { mcdrl_linear(handle, weight.handle, bias?.handle, $0, $1) }
  }

  private static func made(
    _ name: String,
    _ call: (UnsafeMutablePointer<mcdrl_tensor_t?>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) ->
      Int32
  ) throws -> Tensor {
    var result: mcdrl_tensor_t?
    try check(name) { call(&result, $0) }
    guard let result else { throw TorchError.value("libtorch returned no tensor") }
    return Tensor(owning: result)
  }
}

extension CompiledConvolution.Activation {
  /// The slope for negative values and the largest value; nil for SiLU, which is no line.
  fileprivate var line: (slope: Double, cap: Double)? {
    switch self {
    case .none: (1, .infinity)
    case .relu: (0, .infinity)
    case .leakyRelu: (leakySlope, .infinity)
    case .relu6: (0, 6)
    case .silu: nil
    }
  }
}
