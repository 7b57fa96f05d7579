import Foundation

/// The weights of a convolution, laid out once for one arithmetic, without gradients (ours).
///
/// Whole numbers are for products alone: `int8` is computed in bfloat16 here.
public final class PackedConvolution: Sendable {
  /// What is done to each output.
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
  /// Whether weights are laid out for oneDNN; it has no layout for bfloat16 where the processor lacks it.
  private let isLaidOut: Bool
  private let layouts = Layouts()

  /// Lays weights out.
  ///
  /// - Parameters:
  ///   - weight: out×(in/groups)×k×k, float32, on the CPU.
  ///   - bias: out, when there is one.
  ///   - stride: in both directions.
  ///   - padding: zeros on all sides.
  ///   - groups: channel groups.
  ///   - precision: the arithmetic.
  ///   - activation: what is done to each output.
  /// - Throws: `TorchError.operation` when weights cannot be laid out.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, precision: Precision,
    activation: Activation
  ) throws {
    try weight.requireNumbers("a convolution")
    type = precision.activationType
    (self.stride, self.padding, self.groups) = (stride, padding, groups)
    self.activation = activation
    // Copies: what becomes of the weights is no matter of this layer's.
    self.bias = try bias?.copy(as: type)
    isLaidOut = Machine.hasOneDNN && (type == .float32 || Machine.hasBFloat16)
    self.weight = try weight.copy(as: type).channelsLast()
  }

  /// Weights as oneDNN wants them for an input of one shape; those of another shape would be laid out anew in every call,
  /// some in tens of milliseconds.
  private func laidOut(for x: Tensor) throws -> Tensor {
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
    guard isLaidOut else { return try activated(plain(x)) }
    let x = try x.to(type).channelsLast()
    return try Operators.packedConvolution(
      x, laidOut(for: x), bias, [padding, padding], [stride, stride], [1, 1], groups,
      activation.rawValue, activation == .leakyRelu ? [Self.slope] : [Double](), "")
  }

  /// The same with another tensor, B×out×h×w, added before the activation.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard isLaidOut else { return try activated(plain(x).addInPlace(residual.to(type))) }
    let x = try x.to(type).channelsLast()
    // Of activations, libtorch lets oneDNN take only ReLU along with a sum.
    let takesAlong = activation == .relu
    let sum = try Operators.packedConvolutionAdd(
      x, residual.to(type).channelsLast(), laidOut(for: x), bias, [padding, padding],
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

/// Weights laid out for the shapes of input that were seen last; several threads may ask.
private final class Layouts: @unchecked Sendable {
  /// A batch, the last and smaller one, and the same at another size of image; each is a copy of the weights.
  private static let most = 4

  private let lock = NSLock()
  /// The last one used stands last.
  private var kept: [(shape: [Int], weights: Tensor)] = []

  func weights(for shape: [Int], _ make: () throws -> Tensor) throws -> Tensor {
    try lock.withLock {
      let found = kept.firstIndex { $0.shape == shape }.map { kept.remove(at: $0).weights }
      let weights = try found ?? make()
      if kept.count == Self.most { kept.removeFirst() }
      kept.append((shape, weights))
      return weights
    }
  }
}
