import CLibTorch

/// A convolution of inference that oneDNN describes once for each input shape.
///
/// libtorch describes it anew in each call, which takes as long as a small convolution. The
/// layer keeps its last eight descriptions, and the weights as these read them. They follow from the
/// constant weights and the shape alone. So keeping or dropping one changes no result.
///
/// It is `@unchecked Sendable` because the C object guards its only mutable state, the list, by a
/// lock. Threads that ask for a new shape wait until one of them has described it.
final class PreparedConvolution: @unchecked Sendable {
  /// A function of each output, as oneDNN names its numbers.
  struct Activation {
    static let none = Activation(kind: MCDRL_NO_ACTIVATION, alpha: 0, beta: 0)
    static let silu = Activation(kind: MCDRL_SILU, alpha: 1, beta: 0)

    /// Returns max(x, 0) + slope · min(x, 0).
    static func relu(slope: Double) -> Activation {
      Activation(kind: MCDRL_RELU, alpha: slope, beta: 0)
    }

    /// Returns x, at least `low` and at most `high`.
    static func clamp(_ low: Double, _ high: Double) -> Activation {
      Activation(kind: MCDRL_CLAMP, alpha: low, beta: high)
    }

    fileprivate let kind: mcdrl_activation
    fileprivate let (alpha, beta): (Double, Double)
  }

  private let handle: mcdrl_convolution_t

  /// Copies weights on the CPU, float32 or bfloat16, the type of all inputs and results.
  ///
  /// - Parameters:
  ///   - weight: out×(in/groups)×k×k.
  ///   - bias: out, if there is one.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros on each side.
  ///   - groups: the number of channel groups.
  ///   - activation: the function of each output.
  /// - Throws: `TorchError.operation` if the weights do not fit, or oneDNN is missing.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, activation: Activation
  ) throws {
    var options = mcdrl_convolution_options(
      stride: Int64(stride), padding: Int64(padding), groups: Int64(groups), activation: activation.kind,
      alpha: activation.alpha, beta: activation.beta)
    var result: mcdrl_convolution_t?
    try check("prepared convolution") {
      mcdrl_convolution_new(weight.handle, bias?.handle, &options, &result, $0)
    }
    guard let result else { throw TorchError.value("oneDNN returned no convolution") }
    handle = result
  }

  deinit { mcdrl_convolution_free(handle) }

  /// Computes activation(convolution(x) + residual).
  ///
  /// - Parameters:
  ///   - x: B×in×H×W.
  ///   - residual: a tensor of the result's shape to add.
  ///   - inPlace: whether the result may take the memory of `residual`, which nothing else reads.
  /// - Returns: B×out×h×w with channels as the fastest dimension.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  func callAsFunction(_ x: Tensor, adding residual: Tensor? = nil, inPlace: Bool = false) throws -> Tensor {
    var result: mcdrl_tensor_t?
    try check("prepared convolution") {
      mcdrl_convolution_call(handle, x.handle, residual?.handle, inPlace, &result, $0)
    }
    guard let result else { throw TorchError.value("oneDNN returned no tensor") }
    return Tensor(owning: result)
  }
}
