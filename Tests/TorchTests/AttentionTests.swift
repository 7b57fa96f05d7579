import Testing

@testable import Torch

/// Attention by the package's own kernel, where the processor has what it needs.
@Suite(.enabled(if: Machine.hasAttentionKernel)) struct OwnAttentionTests {
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
    let parts = try parts(type, queries: 8, keys: 20, width: 32, images: 1, heads: 2)
    let spoiled = try parts[1].contiguous()
    try spoiled.selected(dim: 1, index: 1).narrowed(dim: 1, start: 18, length: 1).assign(
      .full([1, 1, 32], .nan))
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

  @Test func rowsMayLieInAnyWay() throws {
    let generator = try Generator(seed: 5)
    let x = try Tensor.randomNormal([2, 3, 10, 32], generator: generator)
    let wanted = try x.ownAttention(keys: x, values: x).floats()
    // The last dimension is not the fastest; one image for all.
    let turned = try x.transposed(2, 3).contiguous().transposed(2, 3)
    #expect(try turned.ownAttention(keys: turned, values: turned).floats() == wanted)
    let one = try x.narrowed(dim: 0, start: 0, length: 1)
    let repeated = try one.expanded(to: [2, 3, 10, 32])
    let found = try x.ownAttention(keys: repeated, values: repeated)
    let whole = try x.ownAttention(keys: repeated.contiguous(), values: repeated.contiguous())
    #expect(try found.floats() == whole.floats())
  }

  @Test func hugeScoresPickTheLargest() throws {
    // Scores of some 10¹²: their exponents are all that a float has of them.
    let queries = try Tensor.full([1, 1, 7, 16], 1e6)
    let keys = try Tensor.full([1, 1, 18, 16], -1e6)
    try keys.narrowed(dim: 2, start: 17, length: 1).fill(-1e5)
    let values = try Tensor.arange(to: 18).to(.float32).reshaped([1, 1, 18, 1]).expanded(to: [1, 1, 18, 16])
    let found = try queries.ownAttention(keys: keys, values: values)
    #expect(try found.floats().allSatisfy { $0 == 17 })
  }

  @Test func whatDoesNotFitIsAnError() throws {
    let (x, y) = (try Tensor.zeros([1, 2, 3, 16]), try Tensor.zeros([1, 2, 3, 32]))
    #expect(throws: TorchError.self) { try x.ownAttention(keys: y, values: y) }
    #expect(throws: TorchError.self) { try x.selected(dim: 0, index: 0).ownAttention(keys: x, values: x) }
    let narrow = try Tensor.zeros([1, 2, 3, 8])
    #expect(throws: TorchError.self) { try narrow.ownAttention(keys: narrow, values: narrow) }
  }
}

/// Attention as callers see it.
@Suite struct AttentionTests {
  @Test(arguments: [DType.float32, .bfloat16], [false, true])
  func isTheSameWithGradientsAndWithout(_ type: DType, _ causal: Bool) throws {
    let generator = try Generator(seed: 5)
    let parts = try (0..<3).map { _ in try Tensor.randomNormal([2, 3, 21, 32], generator: generator).to(type)
    }
    let mask = causal ? nil : try Tensor.randomNormal([21, 21], generator: generator).to(type)
    func distance(_ mask: Tensor?) throws -> Double {
      let wanted = try Operators.attention(parts[0], parts[1], parts[2], mask, 0.0, causal)
      let found = try withoutGradients {
        try parts[0].attention(keys: parts[1], values: parts[2], mask: mask, causal: causal)
      }
      #expect(found.shape == wanted.shape && found.dtype == type)
      return try (found.to(.float32) - wanted.to(.float32)).doubles().map(abs).max() ?? 1
    }
    let tolerance = type == .float32 ? 1e-5 : 0.05
    #expect(try distance(nil) < tolerance)
    if let mask { #expect(try distance(mask) < tolerance) }
  }

  @Test func underAutocastItsTypeIsThatOfLibtorchs() throws {
    let x = try Tensor.randomNormal([1, 2, 5, 16], generator: Generator(seed: 1))
    let found = try withoutGradients {
      try autocast(to: .bfloat16, on: .cpu) { try x.attention(keys: x, values: x) }
    }
    let wanted = try withoutGradients {
      try autocast(to: .bfloat16, on: .cpu) { try Operators.attention(x, x, x, nil, 0.0, false) }
    }
    #expect(found.dtype == wanted.dtype)
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
}
