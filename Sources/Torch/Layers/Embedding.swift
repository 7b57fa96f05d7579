/// A table of vectors: int64 indices → vectors of size `width`.
public final class Embedding: Module {
  /// count×width.
  @Parameter public var weight: Tensor

  /// Makes a table drawn from a normal distribution of standard deviation `deviation`.
  public init(count: Int, width: Int, deviation: Double = 1, generator: Generator) throws {
    _weight = Parameter("weight", try .randomNormal([count, width], generator: generator) * deviation)
  }

  /// Indices of any shape → shape×width.
  public func callAsFunction(_ indices: Tensor) throws -> Tensor { try weight.embedding(indices) }
}
