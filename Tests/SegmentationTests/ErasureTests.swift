import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite("Words that erase")
struct ErasureTests {
  /// Tower outputs of a batch whose features show the measures.
  private func encoded(_ seed: UInt64, _ words: Tensor) throws -> EncodedImages {
    let image = try Tensor.seeded([8, 6], seed)
    let measures = try image.normalized().matmul(words.normalized().transposed())
    func shown(_ shape: [Int], _ width: Int, _ seed: UInt64) throws -> Tensor {
      let mix = try Tensor.seeded([measures.size(1), width], 77 + UInt64(width)) * 2
      return try Tensor.seeded([8] + shape + [width], seed) + measures.matmul(mix).reshaped([8, 1, 1, width])
    }
    return EncodedImages(
      dense: try shown([2, 2], 6, seed + 1), image: image,
      layers: [try shown([4, 4], 5, seed + 2), try shown([2, 2], 7, seed + 3)])
  }

  /// The largest covariance of the measures with the last axis of features, over positions.
  private func covariance(_ features: Tensor, _ image: Tensor, _ words: Tensor) throws -> Double {
    let width = try features.size(-1)
    let measures = try image.normalized().matmul(words.normalized().transposed())
    let pooled = try features.reshaped([8, -1, width]).mean([1])
    let centred = try pooled - pooled.mean([0])
    return try centred.transposed().matmul(measures - measures.mean([0])).magnitude().max([0, 1]).item()
  }

  private func trained(_ change: (inout Erasure.Options) -> Void = { _ in }) throws -> (Erasure, Tensor) {
    let method = try some(Erasure.self) {
      ($0.interval, $0.memory) = (1, 1)
      change(&$0)
    }
    let words = try someContext().dictionary.embeddings
    let batch = try encoded(5, words)
    var pass = ForwardPass(training: try somePass([0, 0, 1, 1, 2, 2, 0, 1]))
    _ = try method.represent(batch, pass)
    pass.training = nil
    return (method, words)
  }

  @Test("After a fit, neither grid nor layers show the measures of the images that it saw")
  func erases() throws {
    let (method, words) = try trained()
    let batch = try encoded(5, words)
    let found = try method.represent(batch, ForwardPass())
    #expect(try covariance(batch.positions, batch.image, words) > 0.01)
    #expect(try covariance(found.grid, batch.image, words) < 1e-4)
    #expect(try found.features.isEqual(to: batch.positions))
    let layers = try #require(found.layers)
    for (before, after) in zip(batch.layers, layers) {
      #expect(before.shape == after.shape)
      #expect(
        try covariance(before, batch.image, words) > 0.1 && covariance(after, batch.image, words) < 1e-3)
    }
  }

  @Test("A strength of 0, and an untrained method, change nothing; half the strength half of it")
  func strengths() throws {
    let words = try someContext().dictionary.embeddings
    let batch = try encoded(5, words)
    for method in [try some(Erasure.self), try trained { $0.strength = 0 }.0] {
      let found = try method.represent(batch, ForwardPass())
      #expect(try found.grid.isEqual(to: batch.positions))
      #expect(try zip(batch.layers, try #require(found.layers)).allSatisfy { try $0.isEqual(to: $1) })
    }
    let half = try trained { $0.strength = 0.5 }.0.represent(batch, ForwardPass())
    let share =
      try covariance(half.grid, batch.image, words) / covariance(batch.positions, batch.image, words)
    #expect(abs(share - 0.5) < 1e-3)
    #expect(try trained { $0.layers = false }.0.represent(batch, ForwardPass()).layers == nil)
  }

  @Test("The moments are stored, so a loaded method goes on as if it had never stopped")
  func resumed() throws {
    let words = try someContext().dictionary.embeddings
    let pass = ForwardPass(training: try somePass([0, 0, 1, 1, 2, 2, 0, 1]))
    let method = try some(Erasure.self) { $0.interval = 2 }
    _ = try method.represent(encoded(1, words), pass)
    let copy = try some(Erasure.self) { $0.interval = 2 }
    try copy.load(method.state().mapValues { try $0.copy() }, from: "a test")
    let (one, other) = (
      try method.represent(encoded(9, words), pass), try copy.represent(encoded(9, words), pass)
    )
    #expect(try one.grid.isEqual(to: other.grid) && !one.grid.isEqual(to: one.features))
  }

  @Test("A constant measures nothing, so it is refused")
  func options() throws {
    let text = message { _ = try some(Erasure.self) { $0.dictionary = .constant } }
    #expect(text.contains("model.options.dictionary") && text.contains("words, random"), "\(text)")
  }
}
