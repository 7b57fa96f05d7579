/// A table of vectors: maps int64 indices to vectors of size `width`.
public final class Embedding: Module {
  /// The vectors, count×width.
  @Parameter public var weight: Tensor

  /// Makes a table drawn from a normal distribution of standard deviation `deviation`.
  ///
  /// - Parameters:
  ///   - count: the number of vectors.
  ///   - width: the size of a vector.
  ///   - deviation: the standard deviation.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(count: Int, width: Int, deviation: Double = 1, generator: Generator) throws {
    _weight = Parameter("weight", try .randomNormal([count, width], generator: generator) * deviation)
  }

  /// Maps indices of any shape to shape×width.
  public func callAsFunction(_ indices: Tensor) throws -> Tensor { try weight.embedding(indices) }
}
