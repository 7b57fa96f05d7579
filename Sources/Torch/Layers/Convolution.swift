/// A 2-D convolution: B×in×H×W → B×out×h×w.
public final class Conv2d: Module {
  /// out×(in/groups)×k×k.
  @Parameter public var weight: Tensor
  /// out, when there is one.
  @Parameter public var bias: Tensor?
  /// In both directions.
  public let stride: Int
  /// Zeros on all sides.
  public let padding: Int
  /// Channel groups.
  public let groups: Int

  /// Makes a layer with weights drawn evenly within 1/√(fan in), as PyTorch does.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
    bias: Bool = true, generator: Generator
  ) throws {
    let fanIn = inputs / groups * kernel * kernel
    let bound = 1 / Double(max(1, fanIn)).squareRoot()
    _weight = Parameter(
      "weight",
      try .randomUniform(
        [outputs, inputs / groups, kernel, kernel], low: -bound, high: bound, generator: generator))
    _bias = Parameter(
      "bias", bias ? try .randomUniform([outputs], low: -bound, high: bound, generator: generator) : nil)
    self.stride = stride
    self.padding = padding
    self.groups = groups
  }

  /// B×in×H×W → B×out×h×w.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}
