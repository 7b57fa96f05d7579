import Torch

/// A convolution with its normalisation and activation.
final class NormedConvolution: Module, Layer {
  @Child private var convolution: Conv2d
  @Child var norm: StillNorm
  private let activation: CompiledConvolution.Activation
  private let padding: StridedPadding?

  /// Makes the layers under the keys of timm.
  ///
  /// - Parameters:
  ///   - keys: the keys of the convolution and the normalisation.
  ///   - inputs: the channels of the input.
  ///   - outputs: the channels of the output.
  ///   - kernel: the side of the kernel.
  ///   - stride: the stride.
  ///   - isDepthwise: whether each channel has a kernel of its own.
  ///   - activation: the function of the output.
  ///   - geometry: the padding and the epsilon.
  ///   - initializer: the source of the initial weights.
  /// - Throws: `TorchError` with libtorch's message.
  init(
    keys: (convolution: String, norm: String), _ inputs: Int, _ outputs: Int, kernel: Int = 1,
    stride: Int = 1,
    isDepthwise: Bool = false, activation: CompiledConvolution.Activation, _ geometry: EfficientNetGeometry,
    _ initializer: Initializer
  ) throws {
    padding =
      stride > 1 && geometry.padsAsTensorFlow ? StridedPadding(kernel: kernel, stride: stride) : nil
    _convolution = Child(
      keys.convolution,
      try initializer.convolution(
        inputs, outputs, kernel: kernel, stride: stride, padding: padding == nil ? (kernel - 1) / 2 : 0,
        groups: isDepthwise ? inputs : 1))
    _norm = Child(keys.norm, try StillNorm(outputs, epsilon: geometry.epsilon))
    self.activation = activation
  }

  /// Maps B×in×h×w to B×out×⌈h/stride⌉×⌈w/stride⌉.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try norm(convolution(padding?(x) ?? x), activation: activation)
  }

  /// Adds a tensor of the output's shape before the activation.
  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    try norm(convolution(padding?(x) ?? x), adding: residual, activation: activation)
  }

  /// Compiles the three as one convolution.
  func compiled(for precision: Precision) throws -> CompiledNormedConvolution {
    defer { releasePages() }
    return CompiledNormedConvolution(
      convolution: try norm.folded(convolution, for: precision, activation: activation), padding: padding)
  }
}

/// A convolution with its normalisation and activation, compiled for inference.
struct CompiledNormedConvolution: ResidualLayer, Sendable {
  fileprivate let convolution: CompiledConvolution
  fileprivate let padding: StridedPadding?

  /// Maps B×in×h×w to B×out×⌈h/stride⌉×⌈w/stride⌉.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try convolution(padding?(x) ?? x) }

  /// Adds a tensor of the output's shape before the activation.
  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    try convolution.adding(padding?(x) ?? x, to: residual)
  }
}

/// TensorFlow's padding of a strided convolution: the surplus goes to the right and the bottom.
struct StridedPadding: Equatable, Sendable {
  let kernel: Int
  let stride: Int

  /// Pads B×c×h×w with zeros so that the convolution returns ⌈h/stride⌉×⌈w/stride⌉.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    func amounts(_ size: Int) -> [Int] {
      let total = max(0, ((size + stride - 1) / stride - 1) * stride + kernel - size)
      return [total / 2, total - total / 2]
    }
    let sizes = try x.sizes(rank: 4, "the input of a convolution")
    return try x.padded(amounts(sizes[3]) + amounts(sizes[2]))
  }
}

/// Squeeze-and-excitation: each channel times a factor that the means of all channels decide.
///
/// Hu et al., CVPR 2018.
final class SqueezeExcitation: Module, Layer {
  @Child private var reduce: Conv2d
  @Child private var expand: Conv2d

  init(_ channels: Int, reduced: Int, _ initializer: Initializer) throws {
    _reduce = Child("conv_reduce", try initializer.convolution(channels, reduced, kernel: 1, bias: true))
    _expand = Child("conv_expand", try initializer.convolution(reduced, channels, kernel: 1, bias: true))
  }

  /// Maps B×c×h×w to B×c×h×w.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x * expand(reduce(x.mean([2, 3], keepDimensions: true)).silu()).sigmoid()
  }

  /// Compiles both convolutions.
  func compiled(for precision: Precision) throws -> CompiledSqueezeExcitation {
    CompiledSqueezeExcitation(
      reduce: try reduce.compiled(for: precision, activation: .silu),
      expand: try expand.compiled(for: precision))
  }
}

/// Squeeze-and-excitation compiled for inference.
struct CompiledSqueezeExcitation: Layer, Sendable {
  fileprivate let reduce: CompiledConvolution
  fileprivate let expand: CompiledConvolution

  /// Maps B×c×h×w to B×c×h×w.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x * expand(reduce(x.mean([2, 3], keepDimensions: true))).sigmoid()
  }
}

/// A block of EfficientNet: widen, depthwise convolution, excitation, project, shortcut.
///
/// A block that does not widen is a depthwise separable convolution.
final class MobileBlock: Module, MobileBlockPass {
  @Child private var widen: NormedConvolution?
  @Child private var depthwise: NormedConvolution
  @Child private var excite: SqueezeExcitation?
  @Child private var project: NormedConvolution
  let hasShortcut: Bool

  init(
    _ inputs: Int, _ stage: EfficientNetGeometry.Stage, stride: Int, _ geometry: EfficientNetGeometry,
    _ initializer: Initializer
  ) throws {
    let inner = inputs * stage.expansion
    let widens = stage.expansion > 1
    hasShortcut = stride == 1 && inputs == stage.width
    _widen = Child(
      "",
      widens
        ? try NormedConvolution(
          keys: ("conv_pw", "bn1"), inputs, inner, activation: geometry.activation, geometry, initializer)
        : nil)
    _depthwise = Child(
      "",
      try NormedConvolution(
        keys: ("conv_dw", widens ? "bn2" : "bn1"), inner, inner, kernel: stage.kernel, stride: stride,
        isDepthwise: true, activation: geometry.activation, geometry, initializer))
    _excite = Child(
      "se", geometry.excites ? try SqueezeExcitation(inner, reduced: max(1, inputs / 4), initializer) : nil)
    _project = Child(
      "",
      try NormedConvolution(
        keys: widens ? ("conv_pwl", "bn3") : ("conv_pw", "bn2"), inner, stage.width, activation: .none,
        geometry, initializer))
  }

  var norms: [StillNorm] { [widen?.norm, depthwise.norm, project.norm].compactMap { $0 } }

  func inner(_ x: Tensor) throws -> Tensor {
    let y = try depthwise(widen?(x) ?? x)
    return try excite?(y) ?? y
  }

  func outer(_ inner: Tensor) throws -> Tensor { try project(inner) }

  func outer(_ inner: Tensor, addedTo x: Tensor) throws -> Tensor { try project.adding(inner, to: x) }

  /// Compiles each convolution with its normalisation, and fuses the shortcut into the last.
  func compiled(for precision: Precision) throws -> CompiledMobileBlock {
    CompiledMobileBlock(
      widen: try widen?.compiled(for: precision), depthwise: try depthwise.compiled(for: precision),
      excite: try excite?.compiled(for: precision), project: try project.compiled(for: precision),
      hasShortcut: hasShortcut)
  }
}

/// A block of EfficientNet compiled for inference.
struct CompiledMobileBlock: MobileBlockPass, Sendable {
  fileprivate let widen: CompiledNormedConvolution?
  fileprivate let depthwise: CompiledNormedConvolution
  fileprivate let excite: CompiledSqueezeExcitation?
  fileprivate let project: CompiledNormedConvolution
  let hasShortcut: Bool

  func inner(_ x: Tensor) throws -> Tensor {
    let y = try depthwise(widen?(x) ?? x)
    return try excite?(y) ?? y
  }

  func outer(_ inner: Tensor) throws -> Tensor { try project(inner) }

  func outer(_ inner: Tensor, addedTo x: Tensor) throws -> Tensor { try project.adding(inner, to: x) }
}

/// The forward pass of a block of EfficientNet, trained or compiled.
protocol MobileBlockPass: Layer {
  var hasShortcut: Bool { get }
  /// Applies everything before the projection.
  func inner(_ x: Tensor) throws -> Tensor
  /// Projects.
  func outer(_ inner: Tensor) throws -> Tensor
  /// Projects and adds the block's input.
  func outer(_ inner: Tensor, addedTo x: Tensor) throws -> Tensor
}

extension MobileBlockPass {
  /// Maps B×in×h×w to B×out×⌈h/stride⌉×⌈w/stride⌉.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    try hasShortcut ? outer(inner(x), addedTo: x) : outer(inner(x))
  }
}
