import Testing

@testable import Torch

/// Attention by the package's own kernel, beside libtorch's.
@Suite(.enabled(if: Machine.ownAttentionIsQuicker)) struct OwnAttentionTests {
  /// Queries, keys and values as views of B×N×H×d, as a layer's one product gives them.
  private func parts(
    _ type: DType, queries: Int, keys: Int, width: Int, images: Int = 2, heads: Int = 3, spread: Double = 1
  ) throws -> [Tensor] {
    let generator = try Generator(seed: 5)
    return try [queries, keys, keys].map { count in
      let all = try Tensor.randomNormal([images, count, heads, width + 16], generator: generator) * spread
      return try all.to(type).narrowed(dim: 3, start: 16, length: width).transposed(1, 2)
    }
  }

  // Counts around six queries at a time and sixteen keys a vector, widths around four vectors.
  @Test(
    arguments: [DType.float32, .bfloat16],
    [[1, 1, 16], [6, 16, 64], [7, 17, 32], [50, 33, 48], [11, 64, 80], [13, 65, 128], [197, 197, 64]])
  func equalsTheExactSum(_ type: DType, _ sizes: [Int]) throws {
    let parts = try parts(type, queries: sizes[0], keys: sizes[1], width: sizes[2])
    let found = try parts[0].ownAttention(keys: parts[1], values: parts[2])
    #expect(found.shape == parts[0].shape && found.dtype == type)
    let exact = try parts.map { try $0.to(.float64) }
    let scale = 1 / Double(sizes[2]).squareRoot()
    let expected = try (exact[0].matmul(exact[1].transposed()) * scale).softmax(dim: -1).matmul(exact[2])
    let far = try (found.to(.float64) - expected).doubles().map(abs).max() ?? 1
    // Of bfloat16, a result is off by half of its last place, some 1/256, and weights by as much each.
    #expect(far < (type == .float32 ? 5e-6 : 0.02))
  }

  @Test(arguments: [DType.float32, .bfloat16]) func scoresFarApartPickOneValue(_ type: DType) throws {
    let parts = try parts(type, queries: 9, keys: 20, width: 32, spread: 40)
    let found = try parts[0].ownAttention(keys: parts[1], values: parts[2]).to(.float64)
    let exact = try parts.map { try $0.to(.float64) }
    let logits = try exact[0].matmul(exact[1].transposed()) / 32.0.squareRoot()
    let expected = try logits.softmax(dim: -1).matmul(exact[2])
    #expect(try (found - expected).doubles().map(abs).max() ?? 1 < (type == .float32 ? 0.05 : 1))
    #expect(try found.doubles().allSatisfy(\.isFinite))
  }

  @Test(arguments: [DType.float32, .bfloat16]) func whatIsNotANumberStaysSo(_ type: DType) throws {
    let parts = try parts(type, queries: 8, keys: 20, width: 16, images: 1, heads: 2)
    let spoiled = try parts[1].contiguous()
    try spoiled.selected(dim: 1, index: 1).narrowed(dim: 1, start: 18, length: 1).assign(
      .full([1, 1, 16], .nan))
    let found = try parts[0].ownAttention(keys: spoiled, values: parts[2]).to(.float64)
    #expect(try found.selected(dim: 1, index: 0).doubles().allSatisfy(\.isFinite))
    #expect(try found.selected(dim: 1, index: 1).doubles().allSatisfy(\.isNaN))
  }

  @Test func isTheSameWithAnyNumberOfThreads() throws {
    let parts = try parts(.bfloat16, queries: 30, keys: 40, width: 32)
    let one = try Machine.withThreads(1) { try parts[0].ownAttention(keys: parts[1], values: parts[2]) }
    let two = try Machine.withThreads(2) { try parts[0].ownAttention(keys: parts[1], values: parts[2]) }
    #expect(try one.doubles() == two.doubles())
  }

  @Test func isNotForShapesAndTypesThatItDoesNotKnow() throws {
    func isFit(_ own: [Int], _ other: [Int], _ type: DType = .float32, values: DType? = nil) throws -> Bool {
      let (keys, mixed) = (
        try Tensor.zeros(other, dtype: type), try Tensor.zeros(other, dtype: values ?? type)
      )
      return try withoutGradients { try Tensor.zeros(own, dtype: type).isFitForOwnAttention(keys, mixed) }
    }
    #expect(try isFit([2, 3, 4, 16], [2, 3, 7, 16]))
    #expect(try isFit([2, 3, 4, 16], [2, 3, 7, 16], .bfloat16))
    #expect(try !isFit([2, 3, 4, 16], [2, 3, 7, 16], .float64))
    #expect(try !isFit([2, 3, 4, 16], [2, 3, 7, 16], values: .bfloat16))
    #expect(try !isFit([2, 3, 4, 8], [2, 3, 7, 8]))
    #expect(try !isFit([2, 3, 4, 16], [1, 3, 7, 16]))
    #expect(try !isFit([2, 3, 4, 16], [2, 3, 0, 16]))
    #expect(try !isFit([0, 3, 4, 16], [0, 3, 7, 16]))
    #expect(try !isFit([3, 4, 16], [3, 7, 16]))
    let recorded = try Tensor.zeros([2, 3, 4, 16])
    #expect(!recorded.isFitForOwnAttention(recorded, recorded))
  }

  @Test func gradientsFlowThroughAttentionInTraining() throws {
    let x = try Tensor.randomNormal([1, 2, 5, 16], generator: Generator(seed: 1)).requireGradient(true)
    try x.attention(keys: x, values: x).sum().backward()
    #expect(try x.gradient() != nil)
  }

  @Test func whatDoesNotFitIsAnError() throws {
    let (x, y) = (try Tensor.zeros([1, 2, 3, 16]), try Tensor.zeros([1, 2, 3, 32]))
    #expect(throws: TorchError.self) { try x.ownAttention(keys: y, values: y) }
    #expect(throws: TorchError.self) { try x.selected(dim: 0, index: 0).ownAttention(keys: x, values: x) }
    let narrow = try Tensor.zeros([1, 2, 3, 8])
    #expect(throws: TorchError.self) { try narrow.ownAttention(keys: narrow, values: narrow) }
  }
}
