import TestSupport
import Testing
import Torch

@testable import Statistics

@Suite("Shrunk covariance")
struct ShrunkCovarianceTests {
  @Test("Shrinkage and eigenvalues are those of the formula of scikit-learn's ledoit_wolf, in NumPy")
  func peer() throws {
    let rows = try Tensor([1.0, 0, 2, -1, 1, -1, 0, -1, -1, 0, 0, 0], shape: [4, 3])
    let found = try ShrunkCovariance(centred: rows)
    #expect(abs(found.shrinkage - 0.7173913043478262) < 1e-9)
    let wanted = [0.59782609, 0.76415887, 1.13801504]
    #expect(zip(try found.values.doubles(), wanted).allSatisfy { abs($0 - $1) < 1e-7 })
    // The whitening undoes the shrunk covariance.
    let whitening = try found.whitening()
    let covariance = try (found.vectors * found.values).matmul(found.vectors.transposed())
    let unit = try whitening.matmul(covariance).matmul(whitening)
    let identity = try Tensor([1.0, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3])
    #expect(try difference(unit, identity) < 1e-9)
  }

  @Test("Fewer rows than columns, and rows that are all 0, still give a finite whitening")
  func degenerate() throws {
    for rows in [try Tensor.seeded([4, 12], 3), try .zeros([5, 3])] {
      #expect(try ShrunkCovariance(centred: rows).whitening().isFinite())
    }
    #expect(throws: TorchError.self) { try ShrunkCovariance(centred: .zeros([0, 3])) }
    #expect(throws: TorchError.self) { try ShrunkCovariance(centred: .full([2, 2], .nan)) }
  }
}
