/// A convolution compiled for inference: weights in one arithmetic, without gradients (ours).
///
/// The weights are copied once, and threads may share the layer. Nothing can change its results:
/// equal inputs give equal outputs, bit for bit, whichever thread asks and whatever came before.
/// Only products of linear layers use integers: `int8` computes in bfloat16 here.
public final class CompiledConvolution: ResidualLayer, Sendable {
  /// A function of each output.
  public enum Activation: Sendable {
    /// No function.
    case none
    /// ReLU: max(x, 0).
    case relu
    /// Leaky ReLU: x if positive, otherwise x / 100.
    case leakyRelu
    /// ReLU6: max(x, 0), at most 6.
    case relu6
    /// SiLU: x · σ(x).
    case silu

    /// The function as oneDNN computes it.
    fileprivate var prepared: PreparedConvolution.Activation {
      switch self {
      case .none: .none
      case .relu: .relu(slope: 0)
      case .leakyRelu: .relu(slope: leakySlope)
      case .relu6: .clamp(0, 6)
      case .silu: .silu
      }
    }

    /// Applies the function, in training.
    ///
    /// - Parameter x: any shape.
    /// - Returns: a tensor of the same shape.
    /// - Throws: `TorchError.operation` with libtorch's message.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
      switch self {
      case .none: x
      case .relu: try x.relu()
      case .leakyRelu: try x.leakyRelu(slope: leakySlope)
      case .relu6: try Operators.hardtanh(x, 0, 6)
      case .silu: try x.silu()
      }
    }
  }

  /// How the convolution is computed.
  private enum Work: Sendable {
    /// By oneDNN, activation included.
    case prepared(PreparedConvolution)
    /// By libtorch, where oneDNN is missing or the processor lacks products of bfloat16.
    case plain(PlainConvolution)
  }

  private let work: Work
  private let type: DType
  private let activation: Activation

  /// Copies the weights.
  ///
  /// - Parameters:
  ///   - weight: out×(in/groups)×k×k, float32, on the CPU.
  ///   - bias: out, if there is one.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros on each side.
  ///   - groups: the number of channel groups.
  ///   - precision: the arithmetic.
  ///   - activation: the function of each output.
  ///   - isPrepared: whether oneDNN computes, where the processor has the arithmetic.
  /// - Throws: `TorchError` if the weights cannot be converted or are not on the CPU.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, precision: Precision,
    activation: Activation, isPrepared: Bool = Machine.hasPreparedConvolutions
  ) throws {
    try requireCPU(weight)
    type = precision.activationType
    self.activation = activation
    // The layer copies: later changes of the weights must not reach it.
    let weight = try weight.copy(as: type)
    if isPrepared && (type == .float32 || Machine.hasBFloat16) {
      work = .prepared(
        try PreparedConvolution(
          weight, bias: bias, stride: stride, padding: padding, groups: groups,
          activation: activation.prepared))
    } else {
      work = .plain(
        PlainConvolution(
          weight: try weight.channelsLast(), bias: try bias?.copy(as: type), stride: stride,
          padding: padding, groups: groups))
    }
  }

  /// Maps B×in×H×W to B×out×h×w, in the activation type, with channels as the fastest dimension.
  ///
  /// - Parameter x: B×in×H×W.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    switch work {
    case .prepared(let convolution): try convolution(x)
    case .plain(let convolution): try activated(convolution(x.to(type)))
    }
  }

  /// Adds another tensor, B×out×h×w, to the convolution before the activation.
  ///
  /// - Parameters:
  ///   - x: the input, B×in×H×W.
  ///   - residual: the tensor to add, B×out×h×w.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    switch work {
    case .prepared(let convolution): try convolution(x, adding: residual)
    case .plain(let convolution): try activated(convolution(x.to(type)).addInPlace(residual.to(type)))
    }
  }

  /// Adds the convolution to a tensor without other references, in its memory, before the activation.
  ///
  /// This takes one pass less over the output than `adding(_:to:)`.
  ///
  /// - Parameters:
  ///   - x: the input, B×in×H×W.
  ///   - residual: the tensor to add, B×out×h×w, which nothing else reads afterwards.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func adding(_ x: Tensor, into residual: Tensor) throws -> Tensor {
    switch work {
    case .prepared(let convolution): try convolution(x, adding: residual, inPlace: true)
    case .plain: try adding(x, to: residual)
    }
  }

  /// Applies the activation in place to a result without other references.
  private func activated(_ x: Tensor) throws -> Tensor {
    switch activation {
    case .none: x
    case .relu: try Operators.reluInPlace(x)
    case .leakyRelu: try x.leakyReluInPlace(slope: leakySlope)
    case .relu6: try Operators.hardtanhInPlace(x, 0, 6)
    case .silu: try Operators.siluInPlace(x)
    }
  }
}

/// A convolution by libtorch, without gradients.
private struct PlainConvolution: Sendable {
  let weight: Tensor
  let bias: Tensor?
  let stride: Int
  let padding: Int
  let groups: Int

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}

/// The slope of the leaky ReLU for negative numbers.
let leakySlope = 0.01
