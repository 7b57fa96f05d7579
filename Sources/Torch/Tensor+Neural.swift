extension Tensor {
  /// Returns the matrix product of the last two dimensions, the others broadcast.
  public func matmul(_ other: Tensor) throws -> Tensor { try Operators.matmul(self, other) }
  /// Returns the softmax along a dimension: exponentials divided by their sum.
  public func softmax(dim: Int) throws -> Tensor { try Operators.softmax(self, dim, nil) }
  /// Returns the logarithm of the softmax.
  public func logSoftmax(dim: Int) throws -> Tensor { try Operators.logSoftmax(self, dim, nil) }
  /// Computes 1 / (1 + e^−x).
  public func sigmoid() throws -> Tensor { try Operators.sigmoid(self) }
  /// Returns the logarithm of the sigmoid.
  public func logSigmoid() throws -> Tensor { try Operators.logSigmoid(self) }
  /// Computes max(x, 0).
  public func relu() throws -> Tensor { try Operators.relu(self) }
  /// Returns x where x is positive, otherwise slope · x.
  public func leakyRelu(slope: Double = 0.01) throws -> Tensor { try Operators.leakyRelu(self, slope) }
  /// Applies `leakyRelu` in place.
  ///
  /// Gradients flow, but `backward` fails for an operator that saved the former values.
  public func leakyReluInPlace(slope: Double = 0.01) throws -> Tensor {
    try Operators.leakyReluInPlace(self, slope)
  }
  /// Returns the Gaussian error linear unit, exact.
  public func gelu() throws -> Tensor { try Operators.gelu(self) }
  /// Returns the Gaussian error linear unit, approximated with tanh (Hendrycks & Gimpel, 2016).
  public func tanhGelu() throws -> Tensor { try Operators.gelu(self, named: ["approximate": "tanh"]) }
  /// Computes x · sigmoid(1.702 x), the approximation that OpenAI's CLIP was trained with.
  public func quickGelu() throws -> Tensor { try self * (self * 1.702).sigmoid() }
  /// Computes x · sigmoid(x).
  public func silu() throws -> Tensor { try Operators.silu(self) }

  /// Normalises over the last dimensions, then scales and shifts.
  ///
  /// - Parameters:
  ///   - shape: the sizes of the last dimensions.
  ///   - weight: the scale; nil for 1.
  ///   - bias: the shift; nil for 0.
  ///   - epsilon: a number that is added to the variance.
  /// - Returns: a tensor of the same shape.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func layerNorm(_ shape: [Int], weight: Tensor?, bias: Tensor?, epsilon: Double) throws -> Tensor {
    try Operators.layerNorm(self, shape, weight, bias, epsilon, false)
  }
  /// Normalises over groups of channels of a B×C×… tensor.
  ///
  /// - Parameters:
  ///   - groups: the number of groups of channels.
  ///   - weight: the scale; nil for 1.
  ///   - bias: the shift; nil for 0.
  ///   - epsilon: a number that is added to the variance.
  /// - Returns: a tensor of the same shape.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func groupNorm(_ groups: Int, weight: Tensor?, bias: Tensor?, epsilon: Double) throws -> Tensor {
    try Operators.groupNorm(self, groups, weight, bias, epsilon, false)
  }
  /// Normalises each channel over the batch, or by the running statistics.
  ///
  /// - Parameters:
  ///   - weight: the scale; nil for 1.
  ///   - bias: the shift; nil for 0.
  ///   - mean: the running mean, which training updates.
  ///   - variance: the running variance, which training updates.
  ///   - training: whether to use the batch's statistics.
  ///   - momentum: the weight of the batch in the running statistics.
  ///   - epsilon: a number that is added to the variance.
  /// - Returns: a tensor of the same shape.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func batchNorm(
    weight: Tensor?, bias: Tensor?, mean: Tensor?, variance: Tensor?, training: Bool,
    momentum: Double, epsilon: Double
  ) throws -> Tensor {
    try Operators.batchNorm(self, weight, bias, mean, variance, training, momentum, epsilon, false)
  }

  /// Computes a 2-D convolution of B×C×H×W.
  ///
  /// - Parameters:
  ///   - weight: out×(C/groups)×kh×kw.
  ///   - bias: out.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros on each side.
  ///   - dilation: the distance between taps.
  ///   - groups: the number of channel groups.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func conv2d(
    _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1
  ) throws -> Tensor {
    try Operators.conv2d(
      self, weight, bias, [stride, stride], [padding, padding], [dilation, dilation], groups)
  }
  /// Computes a transposed 2-D convolution of B×C×H×W; weight C×out×kh×kw.
  ///
  /// - Parameters:
  ///   - weight: C×out×kh×kw.
  ///   - bias: out.
  ///   - stride: the stride in both directions.
  ///   - padding: the zeros that are removed on each side.
  /// - Returns: B×out×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func convTranspose2d(_ weight: Tensor, bias: Tensor? = nil, stride: Int, padding: Int = 0) throws
    -> Tensor
  {
    try Operators.convTranspose2d(self, weight, bias, [stride, stride], [padding, padding])
  }
  /// Averages over windows.
  ///
  /// - Parameters:
  ///   - size: the side of a window.
  ///   - stride: the distance of windows; nil for `size`.
  ///   - padding: the zeros on each side.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func averagePool(_ size: Int, stride: Int? = nil, padding: Int = 0) throws -> Tensor {
    try Operators.avgPool2d(
      self, [size, size], [stride ?? size, stride ?? size], [padding, padding])
  }
  /// Averages B×C×H×W over `height` × `width` parts; parts overlap if the sizes do not divide.
  public func averagePool(height: Int, width: Int) throws -> Tensor {
    try Operators.adaptiveAvgPool2d(self, [height, width])
  }
  /// Takes maxima over windows.
  ///
  /// - Parameters:
  ///   - size: the side of a window.
  ///   - stride: the distance of windows; nil for `size`.
  ///   - padding: the border on each side, which never wins.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func maxPool(_ size: Int, stride: Int? = nil, padding: Int = 0) throws -> Tensor {
    try Operators.maxPool2d(
      self, [size, size], [stride ?? size, stride ?? size], [padding, padding])
  }
  /// Looks up int64 indices in this table (V×d); the result has the shape of the indices × d.
  public func embedding(_ indices: Tensor) throws -> Tensor { try Operators.embedding(self, indices) }
  /// Rearranges B×(C·r²)×h×w to B×C×(h·r)×(w·r).
  public func pixelShuffle(_ factor: Int) throws -> Tensor { try Operators.pixelShuffle(self, factor) }

  /// The method that computes values between pixels.
  public enum Interpolation: Sendable { case nearest, bilinear, bicubic }

  /// Resizes B×C×H×W.
  ///
  /// - Parameters:
  ///   - height: the new height.
  ///   - width: the new width.
  ///   - interpolation: nearest, bilinear or bicubic; pixel centres at half-integers.
  ///   - antialias: whether to average when the image shrinks, as Pillow does; not for nearest.
  /// - Returns: B×C×height×width.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func resized(
    height: Int, width: Int, interpolation: Interpolation = .bilinear, antialias: Bool = false
  ) throws -> Tensor {
    let size = [height, width]
    switch (interpolation, antialias) {
    case (.nearest, _): return try Operators.upsampleNearest(self, size)
    case (.bilinear, false):
      return try recordsGradients
        ? resizedBilinearly(height: height, width: width) : Operators.upsampleBilinear(self, size, false)
    case (.bilinear, true): return try Operators.upsampleBilinearAntialiased(self, size, false)
    case (.bicubic, false): return try Operators.upsampleBicubic(self, size, false)
    case (.bicubic, true): return try Operators.upsampleBicubicAntialiased(self, size, false)
    }
  }

  /// Computes sampling positions B×H×W×2 of affine maps (self, B×2×3), from −1 to 1.
  public func affineGrid(_ shape: [Int]) throws -> Tensor { try Operators.affineGrid(self, shape, false) }

  /// The values of positions outside the image.
  public enum Outside: Int, Sendable { case zeros = 0, border = 1, reflection = 2 }

  /// Samples B×C×H×W at the positions of a grid B×h×w×2.
  ///
  /// - Parameters:
  ///   - grid: the positions x and y, from −1 to 1, B×h×w×2.
  ///   - interpolation: the method that computes values between pixels.
  ///   - outside: the values of positions outside the image.
  /// - Returns: B×C×h×w.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public func sampled(
    at grid: Tensor, interpolation: Interpolation = .bilinear, outside: Outside = .zeros
  ) throws -> Tensor {
    let mode = interpolation == .nearest ? 1 : interpolation == .bilinear ? 0 : 2
    return try Operators.gridSample(self, grid, mode, outside.rawValue, false)
  }

  /// Computes binary cross-entropy of logits with targets from 0 to 1, elementwise.
  public func binaryCrossEntropies(targets: Tensor) throws -> Tensor {
    try Operators.binaryCrossEntropy(self, targets, nil, nil, 0)
  }
  /// Computes mean cross-entropy of logits B×K(×…) with int64 classes B(×…); class −100 is ignored.
  public func crossEntropy(classes: Tensor) throws -> Tensor { try Operators.crossEntropy(self, classes) }
}
