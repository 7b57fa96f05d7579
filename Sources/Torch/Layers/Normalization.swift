/// Layer normalisation over the last dimension, of size `width`.
public final class LayerNorm: Module, Layer {
  /// The scale, width.
  @Parameter public var weight: Tensor
  /// The shift, width.
  @Parameter public var bias: Tensor
  /// A number that is added to the variance.
  public let epsilon: Double

  /// Makes a layer of scale 1 and shift 0.
  ///
  /// - Parameters:
  ///   - width: the size of the last dimension.
  ///   - epsilon: a number that is added to the variance.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(_ width: Int, epsilon: Double = 1e-5) throws {
    _weight = Parameter("weight", try .ones([width]))
    _bias = Parameter("bias", try .zeros([width]))
    self.epsilon = epsilon
  }

  /// Maps …×width to …×width.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.layerNorm([weight.count], weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// Group normalisation of B×C×….
public final class GroupNorm: Module, Layer {
  /// The scale, C.
  @Parameter public var weight: Tensor
  /// The shift, C.
  @Parameter public var bias: Tensor
  /// The number of groups of channels.
  public let groups: Int
  /// A number that is added to the variance.
  public let epsilon: Double

  /// Makes a layer of scale 1 and shift 0.
  ///
  /// - Parameters:
  ///   - groups: the number of groups of channels.
  ///   - channels: the number C of channels.
  ///   - epsilon: a number that is added to the variance.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(groups: Int, channels: Int, epsilon: Double = 1e-5) throws {
    _weight = Parameter("weight", try .ones([channels]))
    _bias = Parameter("bias", try .zeros([channels]))
    self.groups = groups
    self.epsilon = epsilon
  }

  /// Maps B×C×… to B×C×….
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.groupNorm(groups, weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// Batch normalisation of B×C×h×w with running statistics.
public final class BatchNorm2d: Module, Layer {
  /// The scale, C.
  @Parameter public var weight: Tensor
  /// The shift, C.
  @Parameter public var bias: Tensor
  /// The running mean, C.
  @Buffer public var mean: Tensor
  /// The running variance, C.
  @Buffer public var variance: Tensor
  /// A number that is added to the variance.
  public let epsilon: Double
  /// The weight of the batch in the running statistics.
  public let momentum: Double

  /// Makes a layer of scale 1 and shift 0.
  ///
  /// - Parameters:
  ///   - channels: the number C of channels.
  ///   - epsilon: a number that is added to the variance.
  ///   - momentum: the weight of the batch in the running statistics.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(_ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) throws {
    _weight = Parameter("weight", try .ones([channels]))
    _bias = Parameter("bias", try .zeros([channels]))
    _mean = Buffer("running_mean", try .zeros([channels]))
    _variance = Buffer("running_var", try .ones([channels]))
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// Maps B×C×h×w to B×C×h×w by the batch's statistics in training, otherwise by the running ones.
  public func callAsFunction(_ x: Tensor) throws -> Tensor { try self(x, activation: .none) }

  /// Normalises B×C×h×w, adds another tensor and applies an activation, which is faster than one by one.
  ///
  /// - Parameters:
  ///   - x: B×C×h×w.
  ///   - residual: the tensor to add, B×C×h×w; nil for none.
  ///   - activation: the function of the sum.
  ///   - learns: whether training uses and updates the batch's statistics.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func callAsFunction(
    _ x: Tensor, adding residual: Tensor? = nil, activation: CompiledConvolution.Activation,
    learns: Bool = true
  ) throws -> Tensor {
    try x.batchNorm(
      weight: weight, bias: bias, mean: mean, variance: variance, training: learns && isTraining,
      momentum: momentum, epsilon: epsilon, adding: residual, activation: activation)
  }

  /// Compiles a convolution and this normalisation, by the running statistics, as one convolution.
  ///
  /// - Parameters:
  ///   - convolution: the layer before.
  ///   - precision: the arithmetic.
  ///   - activation: the function of each output.
  /// - Returns: the compiled convolution.
  /// - Throws: `TorchError` if the weights cannot be packed.
  public func folded(
    _ convolution: Conv2d, for precision: Precision, activation: CompiledConvolution.Activation = .none
  ) throws -> CompiledConvolution {
    try withoutGradients {
      let scale = try weight / (variance + epsilon).squareRoot()
      return try convolution.compiled(
        for: precision, scale: scale, shift: bias - mean * scale, activation: activation)
    }
  }
}
