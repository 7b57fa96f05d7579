/// The weights of a convolution, laid out once for one arithmetic, without gradients (ours).
///
/// Whole numbers are for products alone: `int8` is computed in bfloat16 here.
public final class PackedConvolution: Sendable {
  private let weight: Tensor
  private let bias: Tensor?
  private let type: DType
  private let (stride, padding, groups): (Int, Int, Int)
  private let activated: Bool
  /// Whether the weights are in oneDNN's own layout; it has none for bfloat16 where the processor lacks it.
  private let isLaidOut: Bool

  /// Lays weights out.
  ///
  /// - Parameters:
  ///   - weight: out×(in/groups)×k×k, float32, on the CPU.
  ///   - bias: out, when there is one.
  ///   - stride: in both directions.
  ///   - padding: zeros on all sides.
  ///   - groups: channel groups.
  ///   - precision: the arithmetic.
  ///   - activated: whether negative outputs become 0.
  /// - Throws: `TorchError.operation` when weights cannot be laid out.
  init(
    _ weight: Tensor, bias: Tensor?, stride: Int, padding: Int, groups: Int, precision: Precision,
    activated: Bool
  ) throws {
    type = precision.activationType
    (self.stride, self.padding, self.groups) = (stride, padding, groups)
    self.activated = activated
    self.bias = try bias?.to(type)
    isLaidOut = Machine.hasOneDNN && (type == .float32 || Machine.hasBFloat16)
    let converted = try weight.to(type).channelsLast()
    // Laid out before the input's size is known, float32 weights are laid out anew in every call, and slowly; as they are
    // that is quick.
    self.weight =
      isLaidOut && type == .bfloat16
      ? try Operators.packConvolution(
        converted, [padding, padding], [stride, stride], [1, 1], groups, nil) : converted
  }

  /// B×in×H×W → B×out×h×w, in the type of activations, channels as the fastest dimension.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard isLaidOut else {
      let y = try plain(x)
      return activated ? try y.relu() : y
    }
    return try Operators.packedConvolution(
      x.to(type).channelsLast(), weight, bias, [padding, padding], [stride, stride], [1, 1], groups,
      activated ? "relu" : "none", [Double](), "")
  }

  /// The same with another tensor, B×out×h×w, added before negative outputs become 0.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard isLaidOut else {
      let y = try plain(x) + residual.to(type)
      return activated ? try y.relu() : y
    }
    return try Operators.packedConvolutionAdd(
      x.to(type).channelsLast(), residual.to(type).channelsLast(), weight, bias, [padding, padding],
      [stride, stride], [1, 1], groups, "add", nil, activated ? "relu" : nil, [Double](), nil)
  }

  private func plain(_ x: Tensor) throws -> Tensor {
    try x.to(type).conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}
