import TestSupport
import Testing
import Torch

@testable import Metrics

@Suite("Rule of masks")
struct MaskRuleTests {
  private func filled(_ rows: String, _ area: Double) throws -> BinaryMask {
    try BinaryMask(rows).fillingHoles(upTo: area)
  }

  private func kept(_ rows: String, _ area: Double) throws -> BinaryMask {
    try BinaryMask(rows).keepingLesions(from: area)
  }

  @Test("A hole is filled up to its area")
  func holes() throws {
    let ring = "0000000/0111110/0100010/0111110/0000000"
    let whole = try BinaryMask("0000000/0111110/0111110/0111110/0000000")
    #expect(try filled(ring, 3) == whole)
    #expect(try filled(ring, 2.9) == BinaryMask(ring))
    // Of two holes the small one alone.
    let two = "1111111/1011001/1111001/1111111"
    #expect(try filled(two, 1) == BinaryMask("1111111/1111001/1111001/1111111"))
    #expect(try filled(two, 4) == BinaryMask("1111111/1111111/1111111/1111111"))
  }

  @Test("Pixels that touch at corners enclose a hole, and a part at the image's edge is none")
  func enclosed() throws {
    #expect(try filled("00000/00100/01010/00100/00000", 1) == BinaryMask("00000/00100/01110/00100/00000"))
    for open in ["111/101/101", "101/101/111", "111/001/111", "0000/0111/0101/0101/0000"] {
      #expect(try filled(open, 100) == BinaryMask(open), "\(open)")
    }
    // A lesion inside a hole stays, and the hole around it is filled.
    let island = "1111111/1000001/1001001/1000001/1111111"
    let whole = Array(repeating: "1111111", count: 5).joined(separator: "/")
    #expect(try filled(island, 14) == BinaryMask(whole))
    #expect(try filled("000/000", 5) == BinaryMask("000/000"))
  }

  @Test("Lesions below an area are removed; pixels that touch at a corner are one")
  func lesions() throws {
    #expect(try kept("1100001/1100000/0000000", 2) == BinaryMask("1100000/1100000/0000000"))
    #expect(try kept("1100001/1100000/0000000", 5) == BinaryMask("0000000/0000000/0000000"))
    #expect(try kept("1000/0100/0001", 2) == BinaryMask("1000/0100/0000"))
    #expect(try kept("000/000", 5) == BinaryMask("000/000"))
  }

  @Test("Areas are in per mille of the image, and holes are filled before lesions are measured")
  func order() throws {
    // 10×10 pixels: a pixel has 10 ‰. A ring of eight around a hole, and a single pixel.
    var rows = Array(repeating: "0000000000", count: 10)
    (rows[1], rows[2], rows[3], rows[8]) = ("0111000000", "0101000000", "0111000000", "0000000010")
    let mask = try BinaryMask(rows.joined(separator: "/"))
    func count(_ smallest: Double, _ holes: Double) throws -> Int {
      try MaskRule(smallestLesion: smallest, fillHoles: holes).cleaned(mask).count
    }
    #expect(try count(0, 0) == 9)
    #expect(try count(0, 10) == 10)
    #expect(try count(10, 0) == 9)
    #expect(try count(11, 0) == 8)
    #expect(try count(90, 0) == 0)
    #expect(try count(90, 10) == 9)
  }

  @Test("The default rule is the threshold, and several maps are cleaned each by itself")
  func maps() throws {
    let values: [Float] = [
      0.9, 0.9, 0, 0, 0, 0.9,
      0.9, 0.9, 0, 0, 0.4, 0,
    ]
    let maps = try Tensor(values + values.map { 1 - $0 }, shape: [2, 1, 2, 6])
    for threshold: MaskThreshold in [0.5, 0.3, .dice] {
      let rule = MaskRule(threshold)
      #expect(rule.isThresholdAlone)
      #expect(try rule.mask(maps).isEqual(to: threshold.mask(maps)))
    }
    // Twelve pixels: one has 83 ‰.
    let rule = MaskRule(0.5, smallestLesion: 100)
    let marked = try rule.mask(maps)
    #expect(marked.shape == [2, 1, 2, 6])
    let first: [UInt8] = try marked.selected(dim: 0, index: 0).to(.uint8).reshaped([-1]).array()
    #expect(first == [1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0])
    let map = try ProbabilityMap(width: 6, height: 2, values: values)
    #expect(try map.mask(rule).pixels == first)
    #expect(try map.mask(MaskRule(0.5)) == map.mask(atLeast: 0.5))
  }

  @Test("Components whose pixels share sides are those of a flood fill")
  func sides() throws {
    var generator = SplitMix(seed: 5)
    for _ in 0..<60 {
      let mask = try BinaryMask.random(width: 9, height: 7, density: 0.6, using: &generator)
      let found = ConnectedComponents(of: mask, connectivity: .sides)
      var labels = [Int32](repeating: 0, count: mask.pixels.count)
      var areas: [Int] = []
      for start in mask.pixels.indices where mask.pixels[start] == 1 && labels[start] == 0 {
        var open = [start]
        areas.append(0)
        labels[start] = Int32(areas.count)
        while let pixel = open.popLast() {
          areas[areas.count - 1] += 1
          let (x, y) = (pixel % mask.width, pixel / mask.width)
          for (i, j) in [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
          where (0..<mask.width).contains(i) && (0..<mask.height).contains(j) {
            let next = j * mask.width + i
            if mask.pixels[next] == 1, labels[next] == 0 {
              labels[next] = Int32(areas.count)
              open.append(next)
            }
          }
        }
      }
      #expect(found.labels == labels && found.areas == areas)
    }
  }
}
