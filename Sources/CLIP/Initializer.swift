import Torch

/// The source of initial weights: random numbers, or none if a file will overwrite the weights.
///
/// Drawing the 400 million numbers of a ViT-L/14 only to replace them takes seconds.
struct Initializer {
  /// The generator; nil if the values do not matter.
  let generator: Generator?

  /// Draws normal numbers of a standard deviation.
  func normal(_ shape: [Int], deviation: Double) throws -> Tensor {
    guard let generator else { return try .empty(shape) }
    return try .randomNormal(shape, generator: generator).multiplyInPlace(deviation)
  }

  /// Makes a linear layer with normal weights and, on request, a bias of zeros.
  func linear(_ inputs: Int, _ outputs: Int, bias: Bool = true, deviation: Double) throws -> Linear {
    let layer = try Linear(1, 1, bias: bias, generator: generator ?? Generator(seed: 0))
    layer.weight = try normal([outputs, inputs], deviation: deviation)
    if bias { layer.bias = try .zeros([outputs]) }
    return layer
  }

  /// Makes an embedding with normal vectors.
  func embedding(count: Int, width: Int, deviation: Double) throws -> Embedding {
    let layer = try Embedding(count: 1, width: 1, generator: generator ?? Generator(seed: 0))
    layer.weight = try normal([count, width], deviation: deviation)
    return layer
  }

  /// Makes a convolution whose weights have PyTorch's deviation, 1/√(3·fan in), and a bias of zeros.
  func convolution(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
    bias: Bool = false
  ) throws -> Conv2d {
    let layer = try Conv2d(
      groups, groups, kernel: kernel, stride: stride, padding: padding, groups: groups, bias: bias,
      generator: generator ?? Generator(seed: 0))
    layer.weight = try normal(
      [outputs, inputs / groups, kernel, kernel],
      deviation: 1 / Double(3 * (inputs / groups) * kernel * kernel).squareRoot())
    if bias { layer.bias = try .zeros([outputs]) }
    return layer
  }
}

/// Interpolates the embeddings of a square grid to another grid.
///
/// The interpolation is bicubic with pixel centres at half-integers, as in Hugging Face's
/// `interpolate_pos_encoding`.
///
/// - Parameters:
///   - positions: (1 + side²)×w; the first belongs to the class token and does not change.
///   - side: the side of the trained grid.
///   - height: the rows of the new grid.
///   - width: the columns of the new grid.
/// - Returns: (1 + height·width)×w.
/// - Throws: `TorchError` if the positions do not fit the side.
func interpolated(_ positions: Tensor, side: Int, height: Int, width: Int) throws -> Tensor {
  if height == side, width == side { return positions }
  let head = try positions.narrowed(dim: 0, start: 0, length: 1)
  let grid = try positions.narrowed(dim: 0, start: 1, length: side * side)
  let resized = try grid.reshaped([1, side, side, -1]).permuted([0, 3, 1, 2])
    .resized(height: height, width: width, interpolation: .bicubic)
  return try .concatenated([head, resized.flattened(from: 2).squeezed(0).transposed(0, 1)], dim: 0)
}
