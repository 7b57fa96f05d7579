import Torch

/// A stage of ConvNeXt: a halving of the resolution, except in the first, and blocks.
final class ConvNeXtStage: Module, Layer {
  @Child private var norm: LayerNorm?
  @Child private var halving: Conv2d?
  @Child private var blocks: [ConvNeXtBlock]

  init(_ index: Int, _ geometry: ConvNeXtGeometry, _ initializer: Initializer) throws {
    let width = geometry.widths[index]
    let inputs = index == 0 ? nil : geometry.widths[index - 1]
    _norm = Child("downsample.0", try inputs.map { try LayerNorm($0, epsilon: geometry.epsilon) })
    _halving = Child(
      "downsample.1",
      try inputs.map { try initializer.convolution($0, width, kernel: 2, stride: 2, bias: true) })
    _blocks = Child(
      "blocks",
      try (0..<geometry.blocks[index]).map { _ in try ConvNeXtBlock(width, geometry, initializer) })
  }

  /// Maps B×in×h×w to B×out×⌊h/2⌋×⌊w/2⌋; the first stage keeps the size.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var x = x
    if let norm, let halving { x = try halving(norm.overChannels(x)) }
    return try blocks.reduce(x) { try $1($0) }
  }

  /// Compiles the stage.
  func compiled(for precision: Precision) throws -> CompiledConvNeXtStage {
    defer { releasePages() }
    return CompiledConvNeXtStage(
      norm: try norm?.compiled(), halving: try halving?.compiled(for: precision),
      blocks: try blocks.map { try $0.compiled(for: precision) })
  }
}

/// A stage of ConvNeXt compiled for inference.
struct CompiledConvNeXtStage: Layer, Sendable {
  fileprivate let norm: CompiledLayerNorm?
  fileprivate let halving: CompiledConvolution?
  fileprivate let blocks: [CompiledConvNeXtBlock]

  /// Maps B×in×h×w to B×out×⌊h/2⌋×⌊w/2⌋; the first stage keeps the size.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var x = x
    if let norm, let halving { x = try halving(norm.overChannels(x)) }
    return try blocks.reduce(x) { try $1($0) }
  }
}

extension Layer {
  /// Applies a layer for vectors to every position: B×c×h×w → B×c'×h×w, channels last in memory.
  func overChannels(_ x: Tensor) throws -> Tensor {
    try self(x.permuted([0, 2, 3, 1])).permuted([0, 3, 1, 2])
  }
}

/// A block of ConvNeXt: depthwise convolution, normalisation, feed-forward, shortcut.
final class ConvNeXtBlock: Module, Layer {
  @Child private var depthwise: Conv2d
  @Child private var norm: LayerNorm
  @Child private var widen: PointwiseLinear
  @Child private var response: ResponseNorm?
  @Child private var narrow: PointwiseLinear
  @Parameter private var factors: Tensor?

  init(_ width: Int, _ geometry: ConvNeXtGeometry, _ initializer: Initializer) throws {
    let isConvolution = geometry.hasConvolutionalShapes
    _depthwise = Child(
      "conv_dw",
      try initializer.convolution(width, width, kernel: 7, padding: 3, groups: width, bias: true))
    _norm = Child("norm", try LayerNorm(width, epsilon: geometry.epsilon))
    _widen = Child(
      "mlp.fc1", try PointwiseLinear(width, 4 * width, isConvolution: isConvolution, initializer))
    _response = Child("mlp.grn", geometry.isVersion2 ? try ResponseNorm(4 * width) : nil)
    _narrow = Child(
      "mlp.fc2", try PointwiseLinear(4 * width, width, isConvolution: isConvolution, initializer))
    _factors = Parameter("gamma", geometry.isVersion2 ? nil : try .full([width], 1e-6))
  }

  /// Maps B×c×h×w to B×c×h×w.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var y = try norm(depthwise(x).permuted([0, 2, 3, 1]))
    y = try widen(y).gelu()
    y = try narrow(response?(y) ?? y)
    if let factors { y = try y * factors }
    return try y.permuted([0, 3, 1, 2]) + x
  }

  /// Compiles the block; layer scale goes into the last weights.
  func compiled(for precision: Precision) throws -> CompiledConvNeXtBlock {
    // Integer products are for transformers.
    let precision = precision.floating
    return try withoutGradients {
      CompiledConvNeXtBlock(
        depthwise: try depthwise.compiled(for: precision), norm: try norm.compiled(),
        widen: try widen.compiled(for: precision, activation: .gelu),
        response: try response?.compiled(), narrow: try narrow.compiled(for: precision, scale: factors))
    }
  }
}

/// A block of ConvNeXt compiled for inference.
struct CompiledConvNeXtBlock: Layer, Sendable {
  fileprivate let depthwise: CompiledConvolution
  fileprivate let norm: CompiledLayerNorm
  fileprivate let widen: CompiledLinear
  fileprivate let response: CompiledResponseNorm?
  fileprivate let narrow: CompiledLinear

  /// Maps B×c×h×w to B×c×h×w.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try widen(norm(depthwise(x).permuted([0, 2, 3, 1])))
    return try narrow.adding(response?(y) ?? y, to: x.permuted([0, 2, 3, 1])).permuted([0, 3, 1, 2])
  }
}

/// A linear layer whose weight may have the shape of a 1×1 convolution.
final class PointwiseLinear: Module, Layer {
  @Parameter private var weight: Tensor
  @Parameter private var bias: Tensor

  init(_ inputs: Int, _ outputs: Int, isConvolution: Bool, _ initializer: Initializer) throws {
    _weight = Parameter(
      "weight",
      try initializer.normal([outputs, inputs] + (isConvolution ? [1, 1] : []), deviation: 0.02))
    _bias = Parameter("bias", try .zeros([outputs]))
  }

  /// Maps …×inputs to …×outputs.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.linear(weight.flattened(from: 1), bias: bias)
  }

  /// Compiles the layer, with a factor for each output on request.
  func compiled(
    for precision: Precision, scale: Tensor? = nil, activation: CompiledLinear.Activation = .none
  ) throws -> CompiledLinear {
    let flat = try weight.flattened(from: 1)
    return try CompiledLinear(
      scale.map { try flat * $0.expandedDimension(1) } ?? flat, bias: scale.map { try bias * $0 } ?? bias,
      precision: precision, activation: activation)
  }
}

/// Global response normalisation: channels compete by their norms over the whole image.
///
/// Woo et al., CVPR 2023.
final class ResponseNorm: Module, ResponseNormPass {
  @Parameter var weight: Tensor
  @Parameter var bias: Tensor

  init(_ width: Int) throws {
    _weight = Parameter("weight", try .zeros([width]))
    _bias = Parameter("bias", try .zeros([width]))
  }

  /// Copies the weights for inference.
  func compiled() throws -> CompiledResponseNorm {
    CompiledResponseNorm(weight: try weight.detached().copy(), bias: try bias.detached().copy())
  }
}

/// Global response normalisation compiled for inference.
struct CompiledResponseNorm: ResponseNormPass, Sendable {
  let weight: Tensor
  let bias: Tensor
}

/// The forward pass of a global response normalisation, trained or compiled.
protocol ResponseNormPass: Layer {
  var weight: Tensor { get }
  var bias: Tensor { get }
}

extension ResponseNormPass {
  /// Maps B×h×w×c to B×h×w×c.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let norms = try x.norm(dims: [1, 2], keepDimensions: true)
    let relative = try norms / (norms.mean([-1], keepDimensions: true) + 1e-6)
    return try x + (x * relative * weight + bias).to(x.dtype)
  }
}
