import Foundation
import Testing
import Torch

@testable import Training

@Suite("Findings of masks")
struct MaskFindingsTests {
  private func findings(_ rows: [[Float]], threshold: Double = 0.5) throws -> MaskFindings {
    let probability = try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count])
    return try MaskFindings(mask: probability.atLeast(threshold), probability: probability)
  }

  @Test("Lesions have boxes, areas, contours and confidence, worked by hand")
  func twoLesions() throws {
    let found = try findings([
      [0, 0.75, 1, 0],
      [0, 0, 0.5, 0],
      [0, 0, 0, 0],
      [0.625, 0, 0, 0],
    ])
    #expect(found.area == 4 && found.share == 0.25 && found.lesions.count == 2)
    let (first, second) = (found.lesions[0], found.lesions[1])
    #expect(first.box == [1, 0, 2, 2] && first.area == 3 && first.confidence == 0.75)
    #expect(second.box == [0, 3, 1, 1] && second.area == 1 && second.confidence == 0.625)
    #expect(second.contours.count == 1 && Set(second.contours[0]) == [[0, 3], [1, 3], [1, 4], [0, 4]])
    #expect(first.contours.count == 1 && Set(first.contours[0]).contains([3, 2]))
    #expect(found.confidence.lesionMean == 0.718_75 && found.confidence.lesionLowest == 0.5)
    // Twelve zeros, 0.75, 1, 0.5 and 0.625.
    #expect(found.confidence.imageMean == 14.875 / 16 && found.confidence.imageLowest == 0.5)
  }

  @Test("A hole is a ring of its own, and pixels that touch at corners are one lesion")
  func rings() throws {
    let ring = try findings([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    #expect(ring.lesions.count == 1 && ring.lesions[0].contours.count == 2 && ring.area == 8)
    let inside = try findings([
      [1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0.5, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1],
    ])
    #expect(inside.lesions.map(\.area) == [16, 1] && inside.lesions.map(\.confidence) == [1, 0.5])
    let corner = try findings([[1, 0], [0, 1]])
    #expect(corner.lesions.count == 1 && corner.lesions[0].area == 2)
  }

  @Test("An empty mask has no confidence of lesions, and a full one is one lesion")
  func extremes() throws {
    let empty = try findings([[0.25, 0], [0, 0]])
    #expect(empty.area == 0 && empty.lesions.isEmpty && empty.share == 0)
    #expect(empty.confidence.lesionMean == nil && empty.confidence.lesionLowest == nil)
    #expect(empty.confidence.imageLowest == 0.75 && empty.confidence.imageMean == 0.937_5)
    let full = try findings([[0.25, 0.75]], threshold: 0)
    #expect(full.lesions.map(\.box) == [[0, 0, 2, 1]] && full.confidence.lesionMean == 0.5)
    #expect(full.confidence.lesionLowest == 0.25 && full.confidence.imageLowest == 0.75)
  }
}
