import Testing
import Torch

@testable import Metrics

@Suite("Localisation by the region score")
struct RegionLocalisationTests {
  /// Two images on a grid of 2×4 positions, each of 2×2 pixels: one with two lesions, one without.
  private func images() throws -> [RegionLocalisation.Image] {
    let first: [Float] = [
      // Half of the first position is lesion, a quarter of the second is not enough.
      1, 0, 1, 0, 1, 1, 1, 1,
      0, 1, 0, 0, 1, 1, 1, 0,
      1, 1, 0, 0, 0, 0, 1, 1,
      1, 1, 0, 0, 0, 1, 1, 1,
    ]
    let score: [Float] = [0.9, 0.5, 0.8, 0.1, 0.7, 0.4, 0.3, 0.2] + Array(repeating: 0.75, count: 8)
    return try RegionLocalisation.Image.batch(
      score: Tensor(score, shape: [2, 2, 4]),
      masks: Tensor(first + Array(repeating: 0, count: 32), shape: [2, 1, 4, 8]),
      positions: Tensor([0, 2, 4, 1, 0, 1, 2, 3], shape: [2, 4]))
  }

  @Test("A position is lesion when at least half of it is")
  func grid() throws {
    let images = try images()
    #expect(images[0].lesion.pixels == [1, 0, 1, 1, 1, 0, 0, 1])
    #expect(images[0].selected == [true, true, true, false, true, false, false, false])
    #expect(images[1].lesion.isEmpty && images[1].selected.count { $0 } == 4)
  }

  @Test("Areas and recalls are those counted by hand")
  func figures() throws {
    let found = RegionLocalisation(try images())
    #expect(found.count == 2 && found.withLesion == 1)
    // Lesion 0.9, 0.8, 0.7, 0.2, 0.1 against 0.5, 0.4, 0.3: 9 of 15 pairs; with eight of 0.75 added 25 of 55.
    #expect(abs(try #require(found.area) - 9.0 / 15) < 1e-12)
    #expect(abs(try #require(found.pooledArea) - 25.0 / 55) < 1e-12)
    // The first lesion has both its positions, the second one of three.
    #expect(found.positions == 5 && found.positionRecall == 3.0 / 5)
    #expect(found.lesions == 2 && found.lesionRecall == 0.5)
  }

  @Test("A lesion is kept when exactly half of it is selected")
  func half() throws {
    let mask = try BinaryMask(width: 4, height: 1, values: [true, true, false, false])
    let image = try RegionLocalisation.Image(
      score: [4, 1, 3, 2], lesion: mask, selected: [true, false, true, false])
    let found = RegionLocalisation([image])
    #expect(found.lesionRecall == 1 && found.positionRecall == 0.5 && found.area == 0.5)
  }

  @Test("Without a lesion nothing is defined, and parts of other grids are refused")
  func undefined() throws {
    let found = RegionLocalisation([try images()[1]])
    #expect(found.count == 1 && found.withLesion == 0 && found.lesions == 0 && found.positions == 0)
    #expect(found.area == nil && found.pooledArea == nil)
    #expect(found.positionRecall == nil && found.lesionRecall == nil)
    let mask = try BinaryMask(width: 2, height: 1, values: [true, false])
    #expect(throws: MetricError.self) {
      try RegionLocalisation.Image(score: [1], lesion: mask, selected: [true, false])
    }
    #expect(throws: MetricError.self) {
      try RegionLocalisation.Image(score: [1, 2], lesion: mask, selected: [true])
    }
  }
}
