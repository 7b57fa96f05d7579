/// A 2-D convolution: B×in×H×W → B×out×h×w.
public final class Conv2d: Module, Layer {
  /// The weights, out×(in/groups)×k×k.
  @Parameter public var weight: Tensor
  /// The bias, out, if there is one.
  @Parameter public var bias: Tensor?
  /// The stride in both directions.
  public let stride: Int
  /// The zeros on each side.
  public let padding: Int
  /// The number of channel groups.
  public let groups: Int

  /// Makes a layer with weights drawn uniformly within 1/√(fan in), as PyTorch does.
  ///
  /// - Parameters:
  ///   - inputs: the number of input channels.
  ///   - outputs: the number of output channels.
  ///   - kernel: the side k of the kernel.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros on each side.
  ///   - groups: the number of channel groups.
  ///   - bias: whether the layer has a bias.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError.operation` with libtorch's message.
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

  /// Maps B×in×H×W to B×out×h×w.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    if groups > 1, recordsGradients, weight.shape[0] == groups, weight.shape[1] == 1 {
      return try x.depthwiseConv2d(weight, bias: bias, stride: stride, padding: padding)
    }
    return try x.conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }

  /// Moves the layer; on CUDA the weights lie with channels as the fastest dimension.
  ///
  /// The images then take the same order from the first convolution on.
  ///
  /// - Parameter device: the device.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public override func move(to device: Device) throws {
    try super.move(to: device)
    guard device.prefersChannelsLast else { return }
    weight = try weight.detached().channelsLast().requireGradient(weight.requiresGradient)
  }

  /// Compiles the layer for inference on the CPU and folds in a scale, a shift and an activation.
  ///
  /// Later changes of the weights do not change the result.
  ///
  /// - Parameters:
  ///   - precision: the arithmetic.
  ///   - scale: a factor for each output channel, out; nil for 1.
  ///   - shift: added to each output channel after the scale, out; nil for 0.
  ///   - activation: the function of each output.
  /// - Returns: the compiled layer.
  /// - Throws: `TorchError` if the weights cannot be packed.
  public func compiled(
    for precision: Precision, scale: Tensor? = nil, shift: Tensor? = nil,
    activation: CompiledConvolution.Activation = .none
  ) throws -> CompiledConvolution {
    try withoutGradients {
      var (weight, bias) = (try self.weight.detached(), try self.bias?.detached())
      if let scale {
        weight = try weight * scale.reshaped([-1, 1, 1, 1])
        bias = try bias.map { try $0 * scale }
      }
      if let shift { bias = try bias.map { try $0 + shift } ?? shift }
      return try CompiledConvolution(
        weight, bias: bias, stride: stride, padding: padding, groups: groups, precision: precision,
        activation: activation)
    }
  }
}
