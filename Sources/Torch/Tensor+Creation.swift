extension Tensor {
  /// Allocates memory without setting it.
  ///
  /// Every element must be written before it is read. The system reserves a page at its first
  /// write.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  ///   - device: the device.
  /// - Returns: the tensor, with undefined elements.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func empty(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.empty(shape, named: ["dtype": dtype, "device": device])
  }

  /// Makes a tensor of zeros.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  ///   - device: the device.
  /// - Returns: the tensor.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func zeros(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.zeros(shape, named: ["dtype": dtype, "device": device])
  }

  /// Makes a tensor of ones.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  ///   - device: the device.
  /// - Returns: the tensor.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func ones(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.ones(shape, named: ["dtype": dtype, "device": device])
  }

  /// Makes a tensor with the same number everywhere.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - value: the number.
  ///   - dtype: the type of the elements.
  ///   - device: the device.
  /// - Returns: the tensor.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws -> Tensor {
    try Operators.full(shape, value, named: ["dtype": dtype, "device": device])
  }

  /// Makes the integers from `start` up to but not including `end`, as int64.
  public static func arange(_ start: Int = 0, to end: Int) throws -> Tensor {
    try Operators.arange(start, end, named: ["dtype": DType.int64])
  }

  /// Makes `count` evenly spaced numbers from `start` to `end`, both included, as float32.
  ///
  /// - Parameters:
  ///   - start: the first number.
  ///   - end: the last number.
  ///   - count: the number of elements.
  /// - Returns: one dimension of `count` elements.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func linspace(_ start: Double, _ end: Double, count: Int) throws -> Tensor {
    try Operators.linspace(start, end, count, named: ["dtype": DType.float32])
  }

  /// Draws from the standard normal distribution, float32.
  public static func randomNormal(_ shape: [Int], generator: Generator) throws -> Tensor {
    try Operators.randn(shape, generator, named: ["dtype": DType.float32])
  }

  /// Draws uniformly between `low` and `high`, float32.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - low: the lower bound, included.
  ///   - high: the upper bound, excluded.
  ///   - generator: the random number generator.
  /// - Returns: the numbers.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func randomUniform(
    _ shape: [Int], low: Double = 0, high: Double = 1, generator: Generator
  ) throws -> Tensor {
    let unit = try Operators.rand(shape, generator, named: ["dtype": DType.float32])
    return low == 0 && high == 1 ? unit : try unit * (high - low) + low
  }

  /// Draws integers from `low` up to but not including `high`, int64.
  ///
  /// - Parameters:
  ///   - shape: the sizes.
  ///   - low: the lower bound, included.
  ///   - high: the upper bound, excluded.
  ///   - generator: the random number generator.
  /// - Returns: the integers.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func randomIntegers(
    _ shape: [Int], low: Int = 0, high: Int, generator: Generator
  ) throws -> Tensor {
    try Operators.randint(low, high, shape, generator, named: ["dtype": DType.int64])
  }

  /// Returns the integers below `count` in random order, int64.
  public static func randomPermutation(_ count: Int, generator: Generator) throws -> Tensor {
    try Operators.randperm(count, generator, named: ["dtype": DType.int64])
  }

  /// Draws from the Beta distribution with two equal parameters, float32.
  ///
  /// - Parameters:
  ///   - shape: the shape of the result.
  ///   - parameter: both of the distribution's parameters, above 0.
  ///   - generator: the random number generator.
  /// - Returns: numbers from 0 to 1.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func randomBeta(_ shape: [Int], parameter: Double, generator: Generator) throws -> Tensor {
    // A Beta draw is the first component of a Dirichlet draw of two.
    try Operators.sampleDirichlet(Tensor.full(shape + [2], parameter), generator)
      .selected(dim: -1, index: 0)
  }

  /// Returns zeros of this tensor's shape, type and device.
  public func zerosLike() throws -> Tensor { try Operators.zerosLike(self) }

  /// Returns ones of this tensor's shape, type and device.
  public func onesLike() throws -> Tensor { try Operators.onesLike(self) }

  /// Returns a copy with its own memory.
  public func copy() throws -> Tensor { try Operators.clone(self) }

  /// Returns a copy of a type, with its own memory even if this tensor has that type.
  public func copy(as type: DType) throws -> Tensor { try Operators.toDtype(self, type, false, true) }

  /// Returns the elements in the order of their indices; itself if they already are.
  public func contiguous() throws -> Tensor { try Operators.contiguous(self) }

  /// Returns the values with channels as the fastest dimension (rank 4), for convolutions.
  public func channelsLast() throws -> Tensor {
    try Operators.contiguous(self, OperatorValue.int(2))
  }

  /// Converts the elements; returns itself if they already have the type.
  public func to(_ dtype: DType) throws -> Tensor {
    self.dtype == dtype ? self : try Operators.toDtype(self, dtype)
  }

  /// Moves to a device; returns itself if it is already there.
  public func to(_ device: Device) throws -> Tensor {
    self.device.kind == device.kind && (device.index < 0 || self.device.index == device.index)
      ? self : try Operators.toDevice(self, device, dtype)
  }

  /// Overwrites the elements with another tensor's, broadcast and converted as needed.
  @discardableResult
  public func assign(_ other: Tensor) throws -> Tensor { try Operators.copyInPlace(self, other) }

  /// Overwrites every element with one number.
  @discardableResult
  public func fill(_ value: Double) throws -> Tensor { try Operators.fillInPlace(self, value) }
}
