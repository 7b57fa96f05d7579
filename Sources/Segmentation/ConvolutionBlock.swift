import Torch

/// One or two 3×3 convolutions, each with batch normalisation and leaky ReLU.
///
/// Two convolutions have a residual.
final class ConvolutionBlock: Module, ConvolutionBlockPass {
  @Child private var first: Conv2d
  @Child private var firstNorm: BatchNorm2d
  @Child private var second: Conv2d?
  @Child private var secondNorm: BatchNorm2d?
  @Child private var shortcut: Conv2d?
  let stride: Int

  init(_ inputs: Int, _ outputs: Int, stride: Int, isDouble: Bool, generator: Generator) throws {
    func convolution(_ inputs: Int, kernel: Int, stride: Int) throws -> Conv2d {
      let layer = try Conv2d(
        inputs, outputs, kernel: kernel, stride: stride, padding: kernel / 2, bias: false,
        generator: generator)
      // He initialisation keeps the variance through the leaky ReLU.
      let deviation = (2 / Double(inputs * kernel * kernel)).squareRoot()
      layer.weight = try .randomNormal(layer.weight.shape, generator: generator) * deviation
      return layer
    }
    _first = Child("conv1", try convolution(inputs, kernel: 3, stride: stride))
    _firstNorm = Child("norm1", try BatchNorm2d(outputs))
    _second = Child("conv2", isDouble ? try convolution(outputs, kernel: 3, stride: 1) : nil)
    _secondNorm = Child("norm2", isDouble ? try BatchNorm2d(outputs) : nil)
    _shortcut = Child("shortcut", isDouble ? try convolution(inputs, kernel: 1, stride: 1) : nil)
    self.stride = stride
    super.init()
  }

  func start(_ x: Tensor) throws -> Tensor {
    try firstNorm(first(x), activation: .leakyRelu)
  }

  func finish(_ y: Tensor, _ x: Tensor) throws -> Tensor {
    guard let second, let secondNorm, let shortcut else { return y }
    return try secondNorm(second(y), adding: shortcut(strided(x)), activation: .leakyRelu)
  }

  /// Compiles each convolution together with its normalisation.
  func compiled(for precision: Precision) throws -> CompiledConvolutionBlock {
    CompiledConvolutionBlock(
      first: try firstNorm.folded(first, for: precision, activation: .leakyRelu),
      second: try second.flatMap { try secondNorm?.folded($0, for: precision, activation: .leakyRelu) },
      shortcut: try shortcut?.compiled(for: precision), stride: stride)
  }
}

/// A block of the head compiled for inference.
struct CompiledConvolutionBlock: ConvolutionBlockPass, Sendable {
  fileprivate let first: CompiledConvolution
  fileprivate let second: CompiledConvolution?
  fileprivate let shortcut: CompiledConvolution?
  let stride: Int

  func start(_ x: Tensor) throws -> Tensor { try first(x) }

  func finish(_ y: Tensor, _ x: Tensor) throws -> Tensor {
    guard let second, let shortcut else { return y }
    return try second.adding(y, to: shortcut(strided(x)))
  }
}

/// The forward pass of a block of the head, trained or compiled.
protocol ConvolutionBlockPass: Layer {
  var stride: Int { get }
  /// Applies the first convolution with its normalisation and leaky ReLU.
  func start(_ x: Tensor) throws -> Tensor
  /// Applies the second convolution of y, if there is one; otherwise returns y.
  ///
  /// The convolution has normalisation, the shortcut of the block's input x and leaky ReLU.
  func finish(_ y: Tensor, _ x: Tensor) throws -> Tensor
}

extension ConvolutionBlockPass {
  /// Maps B×in×H×W to B×out×(H/stride)×(W/stride).
  func callAsFunction(_ x: Tensor) throws -> Tensor { try finish(start(x), x) }

  /// Applies the stride before the shortcut, which gives the same result.
  ///
  /// With fewer than 16 channels in channels-last layout, oneDNN's backward pass of a strided 1×1
  /// convolution writes past its memory (PyTorch 2.13).
  func strided(_ x: Tensor) throws -> Tensor {
    stride == 1 ? x : try x.strided(dim: 2, by: stride).strided(dim: 3, by: stride)
  }
}
