import TestSupport
import Testing
import Torch

@testable import Confounders

@Suite struct PicturesTests {
  /// Pictures as networks read them: every level of a byte, and a mask.
  private func pictures() throws -> Pictures {
    let levels = try Tensor((0..<768).map { Float($0 % 256) / 255 }, shape: [1, 3, 16, 16])
    let mask = try Tensor((0..<256).map { Float($0 % 3 == 0 ? 1 : 0) }, shape: [1, 1, 16, 16])
    return Pictures(
      images: levels, masks: mask, applied: try Tensor([0, 0.5, 0] as [Float], shape: [1, 3]),
      moved: try Tensor([true]))
  }

  @Test func whatIsStoredAndReadAgainIsTheSameBitForBit() throws {
    let plain = try pictures()
    let stored = try plain.bytes
    #expect(stored.images.dtype == .uint8 && stored.masks.dtype == .bool)
    #expect(try stored.images.array(of: UInt8.self) == (0..<768).map { UInt8($0 % 256) })
    let read = try stored.floats
    #expect(read.images.dtype == .float32 && read.masks.dtype == .float32)
    #expect(try read.images.isEqual(to: plain.images) && read.masks.isEqual(to: plain.masks))
    #expect(try zip(read.bytes.tensors, stored.tensors).allSatisfy { try $0.isEqual(to: $1) })
    for other in [stored, read] {
      #expect(try other.applied.isEqual(to: plain.applied) && other.moved.isEqual(to: plain.moved))
    }
  }

  @Test func levelsBetweenTwoBytesGoToTheNearer() throws {
    let images = try Tensor([0.1, 0.6, 254.4, 254.6].map { Float($0) / 255 }, shape: [1, 1, 2, 2])
    let picture = try Pictures(images: images, masks: .zeros([1, 1, 2, 2]), confounders: 2)
    #expect(try picture.bytes.images.array(of: UInt8.self) == [0, 1, 254, 255])
    #expect(try picture.applied.isEqual(to: .zeros([1, 2])) && picture.moved.to(.float32).floats() == [0])
  }

  @Test func rowsOfSeveralStandOneAfterTheOther() throws {
    let (one, other) = (try pictures(), try pictures().bytes.floats)
    let joined = try Pictures.joined([one, other, one])
    #expect(joined.tensors.map { $0.shape[0] } == [3, 3, 3, 3])
    #expect(try joined.images.narrowed(dim: 0, start: 2, length: 1).isEqual(to: one.images))
    #expect(try joined.applied.floats() == [0, 0.5, 0, 0, 0.5, 0, 0, 0.5, 0])
  }
}

@Suite struct WeightedDrawTests {
  @Test func aDrawFallsOnTheChoiceWhoseShareItLiesIn() {
    let weights = [1.0, 0, 2, 1]
    let draws = [0, 0.249, 0.25, 0.5, 0.749, 0.75, 0.999_999]
    #expect(draws.map { WeightedDraw.index($0, weights) } == [0, 0, 2, 2, 2, 3, 3])
    // Weights are shares of their sum, whatever it is.
    #expect(draws.map { WeightedDraw.index($0, weights.map { $0 * 1e-9 }) } == [0, 0, 2, 2, 2, 3, 3])
  }

  @Test func whatWeighsNothingIsNeverDrawn() {
    for weights in [[0, 1, 0], [0, 0.1, 0.2, 0, 0], [1e-300, 0]] as [[Double]] {
      for step in 0..<1000 {
        #expect(weights[WeightedDraw.index(Double(step) / 1000, weights)] > 0)
      }
      #expect(weights[WeightedDraw.index(1.0.nextDown, weights)] > 0)
    }
  }

  @Test func whereAllWeighNothingEachIsEquallyLikely() {
    #expect(
      [0, 0.32, 0.34, 0.66, 0.67, 0.99].map { WeightedDraw.index($0, [0, 0, 0]) } == [0, 0, 1, 1, 2, 2])
    #expect(WeightedDraw.index(1.0.nextDown, [0, 0, 0]) == 2 && WeightedDraw.index(0.5, [3]) == 0)
  }
}
