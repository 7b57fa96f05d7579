import Torch

/// Batch normalisation with fixed statistics, unless learning them is enabled.
final class StillNorm: Module {
  @Child private var norm: BatchNorm2d
  var learns = false

  init(_ channels: Int, weight: Double = 1, epsilon: Double = 1e-5) throws {
    _norm = Child("", try BatchNorm2d(channels, epsilon: epsilon))
    super.init()
    if weight != 1 { try norm.weight.fill(weight) }
  }

  /// Normalises B×c×h×w, adds another tensor, if any, and applies an activation.
  func callAsFunction(
    _ x: Tensor, adding residual: Tensor? = nil, activation: CompiledConvolution.Activation = .none
  ) throws -> Tensor {
    // The statistics follow the mode of this module; that of the inner one is the same.
    try norm(x, adding: residual, activation: activation, learns: learns)
  }

  /// Compiles a convolution and this normalisation after it as one convolution.
  func folded(
    _ convolution: Conv2d, for precision: Precision, activation: CompiledConvolution.Activation
  ) throws -> CompiledConvolution {
    try norm.folded(convolution, for: precision, activation: activation)
  }
}

/// One convolution of the stem with its normalisation.
final class ResNetStemLayer: Module, Layer {
  @Child private var convolution: Conv2d
  @Child var norm: StillNorm

  init(_ number: Int, _ inputs: Int, _ outputs: Int, stride: Int, _ initializer: Initializer) throws {
    _convolution = Child(
      "visual.conv\(number)",
      try initializer.convolution(inputs, outputs, kernel: 3, stride: stride, padding: 1))
    _norm = Child("visual.bn\(number)", try StillNorm(outputs))
  }

  /// Maps B×in×h×w to B×out×h/stride×w/stride.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(convolution(x), activation: .relu) }

  /// Compiles the convolution, the normalisation and the ReLU as one.
  func compiled(for precision: Precision) throws -> CompiledConvolution {
    defer { releasePages() }
    return try norm.folded(convolution, for: precision, activation: .relu)
  }
}

/// A bottleneck block with a shortcut: B×in×h×w → B×4·planes×h/stride×w/stride.
///
/// Its layers are 1×1, 3×3, average pool, 1×1.
final class Bottleneck: Module, BottleneckPass {
  @Child private var first: Conv2d
  @Child private var norm1: StillNorm
  @Child private var second: Conv2d
  @Child private var norm2: StillNorm
  @Child private var third: Conv2d
  @Child private var norm3: StillNorm
  @Child private var shortcut: Conv2d?
  @Child private var shortcutNorm: StillNorm?
  let stride: Int

  init(_ inputs: Int, _ planes: Int, stride: Int, _ initializer: Initializer) throws {
    self.stride = stride
    _first = Child("conv1", try initializer.convolution(inputs, planes, kernel: 1))
    _norm1 = Child("bn1", try StillNorm(planes))
    _second = Child("conv2", try initializer.convolution(planes, planes, kernel: 3, padding: 1))
    _norm2 = Child("bn2", try StillNorm(planes))
    _third = Child("conv3", try initializer.convolution(planes, 4 * planes, kernel: 1))
    // Blocks begin as the identity, as in OpenAI's code.
    _norm3 = Child("bn3", try StillNorm(4 * planes, weight: 0))
    let changes = stride > 1 || inputs != 4 * planes
    _shortcut = Child(
      "downsample.0", changes ? try initializer.convolution(inputs, 4 * planes, kernel: 1) : nil)
    _shortcutNorm = Child("downsample.1", changes ? try StillNorm(4 * planes) : nil)
  }

  var norms: [StillNorm] { [norm1, norm2, norm3] + (shortcutNorm.map { [$0] } ?? []) }

  func inner(_ x: Tensor) throws -> Tensor {
    try norm2(second(norm1(first(x), activation: .relu)), activation: .relu)
  }

  func outer(_ inner: Tensor, shortcutOf x: Tensor) throws -> Tensor {
    let kept = try shortcut.flatMap { try shortcutNorm?($0(pooled(x))) } ?? x
    return try norm3(third(inner), adding: kept, activation: .relu)
  }

  /// Compiles each convolution with its normalisation, and fuses the shortcut into the last.
  func compiled(for precision: Precision) throws -> CompiledBottleneck {
    defer { releasePages() }
    return CompiledBottleneck(
      first: try norm1.folded(first, for: precision, activation: .relu),
      second: try norm2.folded(second, for: precision, activation: .relu),
      third: try norm3.folded(third, for: precision, activation: .relu),
      shortcut: try shortcut.flatMap { try shortcutNorm?.folded($0, for: precision, activation: .none) },
      stride: stride)
  }
}

/// A bottleneck block compiled for inference.
struct CompiledBottleneck: BottleneckPass, Sendable {
  fileprivate let first: CompiledConvolution
  fileprivate let second: CompiledConvolution
  fileprivate let third: CompiledConvolution
  fileprivate let shortcut: CompiledConvolution?
  let stride: Int

  func inner(_ x: Tensor) throws -> Tensor { try second(first(x)) }

  func outer(_ inner: Tensor, shortcutOf x: Tensor) throws -> Tensor {
    // A stage begins with a block that has a shortcut of its own. So x is the output of another block of
    // the stage, which nothing else reads.
    try third.adding(inner, into: shortcut?(pooled(x)) ?? x)
  }
}

/// The forward pass of a bottleneck block, trained or compiled.
protocol BottleneckPass: Layer {
  var stride: Int { get }
  /// Applies the 1×1 and the 3×3 convolution, each with normalisation and ReLU.
  func inner(_ x: Tensor) throws -> Tensor
  /// Applies the last convolution with its normalisation, adds the shortcut of x and applies ReLU.
  ///
  /// x is the input of the block.
  func outer(_ inner: Tensor, shortcutOf x: Tensor) throws -> Tensor
}

extension BottleneckPass {
  /// Maps B×in×h×w to B×4·planes×h/stride×w/stride.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try outer(pooled(inner(x)), shortcutOf: x) }

  /// Applies the average pool that replaces a stride.
  func pooled(_ x: Tensor) throws -> Tensor { stride > 1 ? try x.averagePool(stride) : x }
}
