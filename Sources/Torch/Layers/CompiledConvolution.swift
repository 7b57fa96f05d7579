import Foundation

/// A convolution compiled for inference: weights in one arithmetic, without gradients (ours).
///
/// The weights are copied once, and threads may share the layer. Nothing can change its results:
/// equal inputs give equal outputs, bit for bit, whichever thread asks and whatever came before.
/// oneDNN packs weights for one shape of the input, which is known at the first call and not when
/// the layer is compiled. So the layer keeps the packings of the last shapes. They change the time
/// of a call only. Only products use integers: `int8` computes in bfloat16 here.
public final class CompiledConvolution: ResidualLayer, Sendable {
  /// A function of each output.
  public enum Activation: String, Sendable {
    /// No function.
    case none
    /// ReLU: max(x, 0).
    case relu
    /// Leaky ReLU: x if positive, otherwise x / 100.
    case leakyRelu = "leaky_relu"
    /// ReLU6: max(x, 0), at most 6.
    case relu6 = "hardtanh"
    /// SiLU: x · σ(x).
    case silu = "swish"

    /// The numbers that oneDNN needs beside the name.
    fileprivate var scalars: [Double] {
      switch self {
      case .none, .relu, .silu: []
      case .leakyRelu: [leakySlope]
      case .relu6: [0, 6]
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

  private let weight: Tensor
  private let bias: Tensor?
  private let type: DType
  private let (stride, padding, groups): (Int, Int, Int)
  private let activation: Activation
  /// Whether weights are packed for oneDNN, which needs processor support for bfloat16.
  private let isPacked: Bool
  private let layouts = PackedWeights()

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
  /// - Throws: `TorchError` if the weights cannot be converted or are not on the CPU.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, precision: Precision,
    activation: Activation
  ) throws {
    try requireCPU(weight)
    type = precision.activationType
    (self.stride, self.padding, self.groups) = (stride, padding, groups)
    self.activation = activation
    // The layer copies: later changes of the weights must not reach it.
    self.bias = try bias?.copy(as: type)
    isPacked = Machine.hasOneDNN && (type == .float32 || Machine.hasBFloat16)
    self.weight = try weight.copy(as: type).channelsLast()
  }

  /// Returns the weights packed by oneDNN for an input of one shape.
  ///
  /// Each call would repack weights of another shape, which for some takes tens of milliseconds.
  private func packed(for x: Tensor) throws -> Tensor {
    let shape = x.shape
    return try layouts.weights(for: shape) {
      try Operators.packConvolution(
        weight, [padding, padding], [stride, stride], [1, 1], groups, shape)
    }
  }

  /// Maps B×in×H×W to B×out×h×w, in the activation type, with channels as the fastest dimension.
  ///
  /// - Parameter x: B×in×H×W.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard isPacked else { return try activated(plain(x)) }
    let x = try x.to(type).channelsLast()
    return try Operators.packedConvolution(
      x, packed(for: x), bias, [padding, padding], [stride, stride], [1, 1], groups,
      activation.rawValue, activation.scalars, "")
  }

  /// Adds another tensor, B×out×h×w, to the convolution before the activation.
  ///
  /// - Parameters:
  ///   - x: the input, B×in×H×W.
  ///   - residual: the tensor to add, B×out×h×w.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard isPacked else { return try activated(plain(x).addInPlace(residual.to(type))) }
    let x = try x.to(type).channelsLast()
    // ReLU is the only activation that libtorch fuses with a sum in oneDNN.
    let takesAlong = activation == .relu
    let sum = try Operators.packedConvolutionAdd(
      x, residual.to(type).channelsLast(), packed(for: x), bias, [padding, padding],
      [stride, stride], [1, 1], groups, "add", nil, takesAlong ? "relu" : nil, [Double](), nil)
    return takesAlong ? sum : try activated(sum)
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
    guard isPacked, activation == .relu || activation == .none else { return try adding(x, to: residual) }
    let x = try x.to(type).channelsLast()
    return try Operators.packedConvolutionAddInPlace(
      residual.to(type).channelsLast(), x, packed(for: x), bias, [padding, padding],
      [stride, stride], [1, 1], groups, "add", nil, activation == .relu ? "relu" : nil, [Double](), nil)
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

  private func plain(_ x: Tensor) throws -> Tensor {
    try x.to(type).conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}

/// The slope of the leaky ReLU for negative numbers.
let leakySlope = 0.01

/// A memo of weights packed for the last input shapes: immutable in effect.
///
/// A packing follows from the layer's constant weights and the shape alone, and is never written
/// again. Keeping or dropping one changes no result.
///
/// It is `@unchecked Sendable` because its only mutable state, the list, is read and written under
/// the lock. A tensor that a call has taken stays alive when the list drops it. Threads that ask
/// for a new shape wait until one of them has packed it.
private final class PackedWeights: @unchecked Sendable {
  /// The most shapes: a batch and a smaller last one, at two image sizes; each copies the weights.
  private static let most = 4

  private let lock = NSLock()
  /// The cached weights; the last used come last.
  private var cached: [(shape: [Int], weights: Tensor)] = []

  func weights(for shape: [Int], _ make: () throws -> Tensor) throws -> Tensor {
    try lock.withLock {
      let found = cached.firstIndex { $0.shape == shape }.map { cached.remove(at: $0).weights }
      let weights = try found ?? make()
      if cached.count == Self.most { cached.removeFirst() }
      cached.append((shape, weights))
      return weights
    }
  }
}
