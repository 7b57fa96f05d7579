extension Tensor {
  /// Memory that holds anything, and takes no room until it is written: every element must be, before it is read.
  public static func empty(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.empty(shape, named: ["dtype": dtype, "device": device])
  }

  /// Zeros.
  public static func zeros(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.zeros(shape, named: ["dtype": dtype, "device": device])
  }

  /// Ones.
  public static func ones(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws -> Tensor {
    try Operators.ones(shape, named: ["dtype": dtype, "device": device])
  }

  /// The same number everywhere.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws -> Tensor {
    try Operators.full(shape, value, named: ["dtype": dtype, "device": device])
  }

  /// The integers from `start` up to but not including `end`, as int64.
  public static func arange(_ start: Int = 0, to end: Int) throws -> Tensor {
    try Operators.arange(start, end, named: ["dtype": DType.int64])
  }

  /// `count` evenly spaced numbers from `start` to `end`, both included, as float32.
  public static func linspace(_ start: Double, _ end: Double, count: Int) throws -> Tensor {
    try Operators.linspace(start, end, count, named: ["dtype": DType.float32])
  }

  /// Draws from the standard normal distribution, float32.
  public static func randomNormal(_ shape: [Int], generator: Generator) throws -> Tensor {
    try Operators.randn(shape, generator, named: ["dtype": DType.float32])
  }

  /// Draws evenly between `low` and `high`, float32.
  public static func randomUniform(
    _ shape: [Int], low: Double = 0, high: Double = 1, generator: Generator
  ) throws -> Tensor {
    let unit = try Operators.rand(shape, generator, named: ["dtype": DType.float32])
    return low == 0 && high == 1 ? unit : try unit * (high - low) + low
  }

  /// Draws integers from `low` up to but not including `high`, int64.
  public static func randomIntegers(
    _ shape: [Int], low: Int = 0, high: Int, generator: Generator
  ) throws -> Tensor {
    try Operators.randint(low, high, shape, generator, named: ["dtype": DType.int64])
  }

  /// The integers below `count` in random order, int64.
  public static func randomPermutation(_ count: Int, generator: Generator) throws -> Tensor {
    try Operators.randperm(count, generator, named: ["dtype": DType.int64])
  }

  /// Draws from the Beta distribution with two equal parameters, float32.
  ///
  /// - Parameters:
  ///   - shape: of the result.
  ///   - parameter: both of the distribution's parameters, above 0.
  ///   - generator: the source of chance.
  /// - Returns: numbers from 0 to 1.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func randomBeta(_ shape: [Int], parameter: Double, generator: Generator) throws -> Tensor {
    // A Beta draw is the first share of a Dirichlet draw of two.
    try Operators.sampleDirichlet(Tensor.full(shape + [2], parameter), generator)
      .selected(dim: -1, index: 0)
  }

  /// Zeros of this tensor's shape, type and device.
  public func zerosLike() throws -> Tensor { try Operators.zerosLike(self) }

  /// Ones of this tensor's shape, type and device.
  public func onesLike() throws -> Tensor { try Operators.onesLike(self) }

  /// A copy with memory of its own.
  public func copy() throws -> Tensor { try Operators.clone(self) }

  /// A copy of a type, with memory of its own even where this tensor has that type.
  public func copy(as type: DType) throws -> Tensor { try Operators.toDtype(self, type, false, true) }

  /// The same elements in the order of their indices; itself when they are already.
  public func contiguous() throws -> Tensor { try Operators.contiguous(self) }

  /// The same values, dense with channels as the fastest dimension (rank 4): what convolutions on a CPU like.
  public func channelsLast() throws -> Tensor {
    try Operators.contiguous(self, OperatorValue.int(2))
  }

  /// Converts the elements; itself when they are of the type already.
  public func to(_ dtype: DType) throws -> Tensor {
    self.dtype == dtype ? self : try Operators.toDtype(self, dtype)
  }

  /// Moves to a device; itself when it is there already.
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
