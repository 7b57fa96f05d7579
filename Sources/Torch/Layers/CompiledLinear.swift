/// A linear layer compiled for inference: weights packed for one arithmetic, no gradients (ours).
///
/// Immutable; threads may share it. In `int8` every input row has its own scale, computed on each
/// call (dynamic per token). Every output channel of the weights has a fixed scale (static per
/// channel). Both ranges are symmetric. Inputs are bytes about 128. Every x86-64 processor with
/// integer products has an instruction for these. Some lack one for two signed factors, and oneDNN
/// is then a thousand times slower.
public final class CompiledLinear: ResidualLayer, Sendable {
  /// A function of each output.
  public enum Activation: String, Sendable {
    /// No function.
    case none
    /// The Gaussian error linear unit, exact.
    case gelu
    /// The Gaussian error linear unit by its approximation with tanh.
    case tanhGelu
    /// SiLU: x · sigmoid(x).
    case silu
  }

  private let weight: Tensor
  private let bias: Tensor?
  /// The scale of each output channel, and zeros; nil unless the weights are integers.
  private let scales: (values: Tensor, zeros: Tensor)?
  private let type: DType
  private let activation: Activation
  /// Whether weights are in oneDNN's layout, which needs processor support for bfloat16.
  private let isPacked: Bool

  /// Packs copies of weights.
  ///
  /// - Parameters:
  ///   - weight: out×in, float32, on the CPU.
  ///   - bias: out, if there is one.
  ///   - precision: the arithmetic.
  ///   - activation: the function of each output.
  /// - Throws: `TorchError` if the weights cannot be packed or are not on the CPU; `int8` needs
  ///   processor support (`Machine.hasInt8`).
  public init(
    _ weight: Tensor, bias: Tensor?, precision: Precision, activation: Activation = .none
  ) throws {
    try requireCPU(weight)
    self.activation = activation
    type = precision.activationType
    let (weight, bias) = (try weight.detached(), try bias?.detached())
    // The layer copies: later changes of the weights must not reach it.
    self.bias = try bias?.copy(as: type)
    guard precision == .int8 else {
      isPacked = Machine.hasOneDNN && (type == .float32 || Machine.hasBFloat16)
      self.weight =
        isPacked
        ? try Operators.packLinear(weight.to(type).contiguous()) : try weight.copy(as: type).contiguous()
      scales = nil
      return
    }
    guard Machine.hasInt8 else {
      throw TorchError.value("this processor has no exact products of int8; use float32 or bfloat16")
    }
    isPacked = true
    let scale = try weight.magnitude().max([1], keepDimensions: true).clamped(min: 1e-12) / 127
    self.weight = try Operators.packIntegerLinear((weight / scale).rounded().to(.int8).contiguous(), nil)
    scales = (try scale.flattened(), try .zeros([weight.size(0)], dtype: .int32))
  }

  /// Maps …×in to …×out: x · weightᵀ + bias and the activation, in the activation type.
  ///
  /// - Parameter x: …×in.
  /// - Returns: …×out.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let x = try x.to(type)
    guard isPacked else { return try activated(x.linear(weight, bias: bias)) }
    guard let scales else {
      // oneDNN could fuse the activation, but its own is slower than libtorch's pass over the
      // product.
      return try activated(Operators.packedLinear(x, weight, bias, "none", [Double](), ""))
    }
    let (codes, scale) = try x.quantizedRows()
    let product = try Operators.packedIntegerLinear(
      codes, 1.0, Tensor.codeOfZero, weight, scales.values, scales.zeros, nil, 1.0, 0, type, "none",
      [Double](), "")
    return try activated(bias.map { try Operators.addScaled($0, product, scale) } ?? product * scale)
  }

  /// Applies the activation in place to a product without other references.
  private func activated(_ x: Tensor) throws -> Tensor {
    switch activation {
    case .none: x
    case .gelu: try Operators.geluInPlace(x)
    case .tanhGelu: try Operators.geluInPlace(x, named: ["approximate": "tanh"])
    case .silu: try Operators.siluInPlace(x)
    }
  }

  /// Returns the output for x plus another tensor.
  ///
  /// This takes one pass if the arithmetic allows it and there is no activation.
  ///
  /// - Parameters:
  ///   - x: the input, …×in.
  ///   - residual: the tensor to add, …×out.
  /// - Returns: …×out.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard isPacked, scales == nil, activation == .none else { return try self(x) + residual.to(type) }
    return try Operators.packedLinearAdd(x.to(type), residual.to(type), weight, bias, "add")
  }
}

/// Checks that weights to compile are on the CPU, whose libraries the compiled layers use.
///
/// - Throws: `TorchError.value` for another device, where a copy of the module takes their place.
func requireCPU(_ weight: Tensor) throws {
  guard weight.device.kind == .cpu else {
    throw TorchError.value(
      "layers are compiled for the CPU alone; on \(weight.device) copy the module instead")
  }
}
