import Foundation

/// A convolution compiled for inference: weights copied once for one arithmetic, without gradients (ours).
///
/// Immutable for its users; threads may share it. It caches the packed weights of the last shapes of input.
/// Whole numbers are for products alone: `int8` is computed in bfloat16 here.
public final class CompiledConvolution: ResidualLayer, Sendable {
  /// A function that is applied to each output.
  public enum Activation: String, Sendable {
    /// Nothing.
    case none
    /// max(x, 0).
    case relu
    /// x where positive, x / 100 elsewhere.
    case leakyRelu = "leaky_relu"
  }

  private let weight: Tensor
  private let bias: Tensor?
  private let type: DType
  private let (stride, padding, groups): (Int, Int, Int)
  private let activation: Activation
  /// Whether weights are packed for oneDNN; it has no layout for bfloat16 where the processor lacks it.
  private let isPacked: Bool
  private let layouts = PackedWeights()

  /// Copies weights.
  ///
  /// - Parameters:
  ///   - weight: out×(in/groups)×k×k, float32, on the CPU.
  ///   - bias: out, when there is one.
  ///   - stride: in both directions.
  ///   - padding: zeros on all sides.
  ///   - groups: channel groups.
  ///   - precision: the arithmetic.
  ///   - activation: applied to each output.
  /// - Throws: `TorchError.operation` when weights cannot be converted.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, precision: Precision,
    activation: Activation
  ) throws {
    type = precision.activationType
    (self.stride, self.padding, self.groups) = (stride, padding, groups)
    self.activation = activation
    // Copies: later changes of the weights must not reach this layer.
    self.bias = try bias?.copy(as: type)
    isPacked = Machine.hasOneDNN && (type == .float32 || Machine.hasBFloat16)
    self.weight = try weight.copy(as: type).channelsLast()
  }

  /// Weights as oneDNN wants them for an input of one shape; those of another shape would be packed anew in
  /// every call, some in tens of milliseconds.
  private func packed(for x: Tensor) throws -> Tensor {
    let shape = x.shape
    return try layouts.weights(for: shape) {
      try Operators.packConvolution(
        weight, [padding, padding], [stride, stride], [1, 1], groups, shape)
    }
  }

  /// B×in×H×W → B×out×h×w, in the type of activations, channels as the fastest dimension.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard isPacked else { return try activated(plain(x)) }
    let x = try x.to(type).channelsLast()
    return try Operators.packedConvolution(
      x, packed(for: x), bias, [padding, padding], [stride, stride], [1, 1], groups,
      activation.rawValue, activation == .leakyRelu ? [Self.slope] : [Double](), "")
  }

  /// The same with another tensor, B×out×h×w, added before the activation.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard isPacked else { return try activated(plain(x).addInPlace(residual.to(type))) }
    let x = try x.to(type).channelsLast()
    // Of activations, libtorch lets oneDNN take only ReLU along with a sum.
    let takesAlong = activation == .relu
    let sum = try Operators.packedConvolutionAdd(
      x, residual.to(type).channelsLast(), packed(for: x), bias, [padding, padding],
      [stride, stride], [1, 1], groups, "add", nil, takesAlong ? "relu" : nil, [Double](), nil)
    return takesAlong ? sum : try activated(sum)
  }

  private static let slope = 0.01

  /// The activation of a result that nobody else holds, in its place.
  private func activated(_ x: Tensor) throws -> Tensor {
    switch activation {
    case .none: x
    case .relu: try Operators.reluInPlace(x)
    case .leakyRelu: try x.leakyReluInPlace(slope: Self.slope)
    }
  }

  private func plain(_ x: Tensor) throws -> Tensor {
    try x.to(type).conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}

/// A cache of weights packed for the last shapes of input; several threads may ask.
private final class PackedWeights: @unchecked Sendable {
  /// A batch, the last and smaller one, and the same at another size of image; each is a copy of the weights.
  private static let most = 4

  private let lock = NSLock()
  /// The last one used stands last.
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
