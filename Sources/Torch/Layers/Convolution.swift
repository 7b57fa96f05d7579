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
  private var packed: PackedConvolution?

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
    guard let packed, !isTraining else {
      return try x.conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
    }
    return try packed(x)
  }

  /// Lays the weights out for one arithmetic.
  public override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    packed = try packed(for: precision)
    if !keepingWeights { try giveUpWeights() }
  }

  /// The layer laid out for one arithmetic, with what follows it folded in.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - scale: what each output is multiplied by, out; nil for 1.
  ///   - shift: what is added then, out; nil for nothing.
  ///   - activation: what is done to each output.
  /// - Returns: the layer.
  /// - Throws: `TorchError` when weights cannot be laid out.
  public func packed(
    for precision: Precision, scale: Tensor? = nil, shift: Tensor? = nil,
    activation: PackedConvolution.Activation = .none
  ) throws -> PackedConvolution {
    var (weight, bias) = (try self.weight.detached(), try self.bias?.detached())
    if let scale {
      weight = try weight * scale.reshaped([-1, 1, 1, 1])
      bias = try bias.map { try $0 * scale }
    }
    if let shift { bias = try bias.map { try $0 + shift } ?? shift }
    return try PackedConvolution(
      weight, bias: bias, stride: stride, padding: padding, groups: groups, precision: precision,
      activation: activation)
  }
}
