/// x · weightᵀ + bias over the last dimension: …×in → …×out.
public final class Linear: Module {
  /// out×in.
  @Parameter public var weight: Tensor
  /// out, when there is one.
  @Parameter public var bias: Tensor?
  private var packed: PackedLinear?

  /// Makes a layer with weights drawn evenly within 1/√in, as PyTorch does.
  public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator) throws {
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    _weight = Parameter(
      "weight", try .randomUniform([outputs, inputs], low: -bound, high: bound, generator: generator))
    _bias = Parameter(
      "bias", bias ? try .randomUniform([outputs], low: -bound, high: bound, generator: generator) : nil)
  }

  /// …×in → …×out.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard let packed, !isTraining else { return try x.linear(weight, bias: bias) }
    return try packed(x)
  }

  /// What the layer makes of x, …×in, with another tensor, …×out, added.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    guard let packed, !isTraining else { return try residual + self(x) }
    return try packed.adding(x, to: residual)
  }

  /// Lays the weights out for one arithmetic.
  public override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    packed = try PackedLinear(weight, bias: bias, precision: precision)
    if !keepingWeights { try giveUpWeights() }
  }
}
