import Torch

/// The largest difference between two tensors; infinite when their shapes differ or one is not a number.
package func difference(_ a: Tensor, _ b: Tensor) throws -> Double {
  guard a.shape == b.shape else { return .infinity }
  // Not max(), which would let a NaN pass.
  return try zip(a.detached().doubles(), b.detached().doubles()).reduce(0) {
    ($1.0 - $1.1).isNaN ? .infinity : max($0, abs($1.0 - $1.1))
  }
}

extension Tensor {
  /// Normal draws from a seed.
  package static func seeded(_ shape: [Int], _ seed: UInt64) throws -> Tensor {
    try .randomNormal(shape, generator: Generator(seed: seed))
  }
}
