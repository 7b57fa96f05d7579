/// x · weightᵀ + bias over the last dimension: …×in → …×out.
public final class Linear: Module {
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
}
