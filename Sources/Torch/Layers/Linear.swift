/// A linear layer over the last dimension, x · weightᵀ + bias: …×in → …×out.
public final class Linear: Module, ResidualLayer {
  /// The weights, out×in.
  @Parameter public var weight: Tensor
  /// The bias, out, if there is one.
  @Parameter public var bias: Tensor?

  /// Makes a layer with weights drawn uniformly within 1/√in, as PyTorch does.
  ///
  /// - Parameters:
  ///   - inputs: the size of the last dimension of the input.
  ///   - outputs: the size of the last dimension of the output.
  ///   - bias: whether the layer has a bias.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator) throws {
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    _weight = Parameter(
      "weight", try .randomUniform([outputs, inputs], low: -bound, high: bound, generator: generator))
    _bias = Parameter(
      "bias", bias ? try .randomUniform([outputs], low: -bound, high: bound, generator: generator) : nil)
  }

  /// Maps …×in to …×out.
  public func callAsFunction(_ x: Tensor) throws -> Tensor { try x.linear(weight, bias: bias) }

  /// Returns the output for x, …×in, plus another tensor, …×out.
  ///
  /// - Parameters:
  ///   - x: the input, …×in.
  ///   - residual: the tensor to add, …×out.
  /// - Returns: …×out.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor { try residual + self(x) }

  /// Compiles the layer for inference on the CPU; later changes of the weights do not reach it.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - activation: the function of each output.
  /// - Returns: the compiled layer.
  /// - Throws: `TorchError` if the weights cannot be packed; `int8` needs processor support
  ///   (`Machine.hasInt8`).
  public func compiled(
    for precision: Precision, activation: CompiledLinear.Activation = .none
  ) throws -> CompiledLinear {
    try CompiledLinear(weight, bias: bias, precision: precision, activation: activation)
  }
}
