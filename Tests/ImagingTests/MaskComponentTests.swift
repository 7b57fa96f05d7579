import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Components of masks")
struct MaskComponentTests {
  /// A mask from rows of text: `.` is 0, a digit is its value.
  private func mask(_ rows: String...) throws -> Image {
    try Image(
      width: rows[0].count, height: rows.count, channels: 1,
      pixels: rows.flatMap { row in row.map { UInt8(String($0)) ?? 0 } })
  }

  private func points(_ numbers: [(Int, Int)]) -> [MaskComponent.Point] {
    numbers.map { MaskComponent.Point($0.0, $0.1) }
  }

  @Test("A square has its four corners, clockwise from the top left")
  func square() throws {
    let found = try MaskComponents.find(in: mask("....", ".11.", ".11."))
    #expect(found.count == 1)
    let part = try #require(found.first)
    #expect(part.box == .init(x: 1, y: 1, width: 2, height: 2) && part.area == 4)
    #expect(part.outline.count == 1)
    let ring = try #require(part.outline.first)
    #expect(Set(ring) == Set(points([(1, 1), (3, 1), (3, 3), (1, 3)])) && ring.count == 4)
    // Twice the area by the shoelace formula; positive where y goes down means clockwise.
    let doubled = ring.indices.reduce(0) { sum, index in
      let (a, b) = (ring[index], ring[(index + 1) % ring.count])
      return sum + a.x * b.y - b.x * a.y
    }
    #expect(doubled == 8)
  }

  @Test("A hole is a ring of its own after the outer ring, and values do not matter")
  func hole() throws {
    let found = try MaskComponents.find(in: mask("11119", "1..21", "1..11", "11111"))
    #expect(found.count == 1)
    #expect(found[0].area == 16 && found[0].outline.count == 2)
    #expect(Set(found[0].outline[0]) == Set(points([(0, 0), (5, 0), (5, 4), (0, 4)])))
    #expect(Set(found[0].outline[1]) == Set(points([(1, 1), (3, 1), (3, 3), (1, 3)])))
  }

  @Test("Pixels that touch at a corner are one component with one outer ring")
  func corner() throws {
    for rows in [["1.", ".1"], [".1", "1."]] {
      let found = try MaskComponents.find(in: mask(rows[0], rows[1]))
      #expect(found.count == 1 && found[0].area == 2 && found[0].outline.count == 1)
      #expect(found[0].outline[0].count == 8)
    }
    let apart = try MaskComponents.find(in: mask("1..1", "....", "11.."))
    #expect(apart.map(\.area) == [1, 1, 2])
    #expect(apart.map(\.box.x) == [0, 3, 0])
  }

  @Test("The rings of random masks give the mask back, and the areas add up")
  func random() throws {
    var generator = SplitMix(seed: 7)
    for round in 0..<60 {
      let (width, height) = (1 + round % 23, 1 + round * 7 % 19)
      let pixels = (0..<width * height).map { _ in UInt8(generator.next() % 3 == 0 ? 0 : 1) }
      let image = try Image(width: width, height: height, channels: 1, pixels: pixels)
      var drawn = [UInt8](repeating: 0, count: pixels.count)
      let found = try MaskComponents.find(in: image)
      for part in found {
        for (row, flips) in part.rowFlips.enumerated() {
          #expect(flips.count % 2 == 0)
          for place in stride(from: 0, to: flips.count - 1, by: 2) {
            for x in flips[place]..<flips[place + 1] { drawn[(part.box.y + row) * width + x] += 1 }
          }
        }
      }
      #expect(drawn == pixels, "round \(round)")
      let labels = MaskComponents.labels(of: found, width: width, height: height)
      #expect(labels.map { $0 > 0 ? 1 : 0 } == pixels, "round \(round)")
      for (index, part) in found.enumerated() {
        #expect(labels.count { Int($0) == index + 1 } == part.area, "round \(round)")
      }
      #expect(found.reduce(0) { $0 + $1.area } == pixels.count { $0 > 0 })
    }
  }

  @Test("Labels have the order of the components, also of one inside the hole of another")
  func labels() throws {
    let found = try MaskComponents.find(in: mask("11111", "1...1", "1.1.1", "1...1", "11111"))
    let labels = MaskComponents.labels(of: found, width: 5, height: 5)
    #expect(Array(labels[10..<15]) == [1, 0, 2, 0, 1] && Array(labels[0..<5]) == [1, 1, 1, 1, 1])
    #expect(MaskComponents.labels(of: [], width: 2, height: 1) == [0, 0])
    // Rows and columns outside are left out.
    #expect(MaskComponents.labels(of: found, width: 2, height: 1) == [1, 1])
  }

  @Test("An empty mask has none, and a picture of colours is refused")
  func others() throws {
    #expect(try MaskComponents.find(in: mask("...", "...")).isEmpty)
    let colours = try Image(width: 1, height: 1, channels: 3, pixels: [1, 2, 3])
    #expect(throws: ImagingError.self) { try MaskComponents.find(in: colours) }
  }

  @Test("Runs end where the value changes, also across words of eight bytes")
  func runs() {
    let samples: [UInt8] = [UInt8](repeating: 4, count: 19) + [0] + [UInt8](repeating: 9, count: 8) + [4]
    samples.withUnsafeBytes { bytes in
      let all = Array(PixelRuns(of: bytes, in: 0..<samples.count))
      #expect(all.map(\.length) == [19, 1, 8, 1] && all.map(\.value) == [4, 0, 9, 4])
      #expect(Array(PixelRuns(of: bytes, in: 3..<5)).map(\.length) == [2])
      #expect(Array(PixelRuns(of: bytes, in: 5..<5)).isEmpty)
    }
  }
}
