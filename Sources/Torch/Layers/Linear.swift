/// x · weightᵀ + bias over the last dimension: …×in → …×out.
public final class Linear: Module, ResidualLayer {
  /// out×in.
  @Parameter public var weight: Tensor
  /// out, when there is one.
  @Parameter public var bias: Tensor?

  /// Makes a layer with weights drawn evenly within 1/√in, as PyTorch does.
  public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator) throws {
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    _weight = Parameter(
      "weight", try .randomUniform([outputs, inputs], low: -bound, high: bound, generator: generator))
    _bias = Parameter(
      "bias", bias ? try .randomUniform([outputs], low: -bound, high: bound, generator: generator) : nil)
  }

  /// …×in → …×out.
  public func callAsFunction(_ x: Tensor) throws -> Tensor { try x.linear(weight, bias: bias) }

  /// The output for x, …×in, plus another tensor, …×out.
  ///
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor { try residual + self(x) }

  /// Compiles the layer for inference on the CPU; later changes of the weights do not reach the result.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - activation: applied to each output.
  /// - Returns: the compiled layer.
  /// - Throws: `TorchError` when weights cannot be packed; `int8` needs a processor that has it
  ///   (`Machine.hasInt8`).
  public func compiled(
    for precision: Precision, activation: CompiledLinear.Activation = .none
  ) throws -> CompiledLinear {
    try CompiledLinear(weight, bias: bias, precision: precision, activation: activation)
  }
}
