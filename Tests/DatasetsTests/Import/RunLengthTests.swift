import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite("Run lengths and shapes")
struct RunLengthTests {
  private func random(_ seed: UInt64, _ width: Int, _ height: Int) throws -> Image {
    var generator = SplitMix(seed: seed)
    var value: UInt8 = 0
    let pixels = (0..<width * height).map { _ -> UInt8 in
      if generator.next() % 4 == 0 { value = 255 - value }
      return value
    }
    return try Image(width: width, height: height, channels: 1, pixels: pixels)
  }

  private func draw(_ forms: [LabelledShape.Form], _ width: Int, _ height: Int) throws -> Image {
    try ShapeRaster.mask(
      of: forms.map { LabelledShape(label: "a", form: $0) }, width: width, height: height, labels: [:])
  }

  @Test("Components come back exactly from each coding")
  func codings() throws {
    for seed in 1...12 as ClosedRange<UInt64> {
      let (width, height) = (9 + Int(seed) * 3, 41 - Int(seed) * 2)
      let image = try random(seed, width, height)
      let parts = try MaskComponents.find(in: image)
      let columns = try parts.map { try RunLengths(columnsOf: $0, width: width, height: height) }
      #expect(columns.map(\.area) == parts.map(\.area))
      #expect(try draw(columns.map { .runs($0) }, width, height) == image)
      let texts = try columns.map { try RunLengths(cocoText: $0.cocoText, width: width, height: height) }
      #expect(texts == columns)
      let counts = try columns.map {
        try RunLengths(cocoCounts: $0.counts.map(Int.init), width: width, height: height)
      }
      #expect(counts == columns)
      #expect(try draw(parts.map { .runs(try RunLengths(rowsOf: $0)) }, width, height) == image)
      let brushes = try parts.map {
        try RunLengths(
          brush: RunLengths(wholeRowsOf: $0, width: width, height: height).brush, width: width, height: height
        )
      }
      #expect(try draw(brushes.map { .runs($0) }, width, height) == image)
    }
  }

  @Test("A known compressed text is read and written")
  func known() throws {
    // pycocotools writes 6, 1, 40, 4, 5, 4, 5, 4, 21 for 9 by 10 pixels as this text.
    let runs = try RunLengths(cocoText: "61X13mN000`0", width: 10, height: 9)
    #expect(runs.counts == [6, 1, 40, 4, 5, 4, 5, 4, 21] && runs.cocoText == "61X13mN000`0")
  }

  @Test("Every wrong coding is an error of its own")
  func faults() throws {
    func fault(_ body: () throws -> Void) -> RunLengthError? {
      do {
        try body()
        return nil
      } catch { return error as? RunLengthError }
    }
    #expect(fault { _ = try RunLengths(cocoText: "6\u{20}", width: 3, height: 3) } == .symbol(at: 1))
    #expect(fault { _ = try RunLengths(cocoText: "X", width: 9, height: 9) } == .cut)
    #expect(fault { _ = try RunLengths(cocoText: "oooooooooooo", width: 9, height: 9) } == .symbol(at: 7))
    #expect(fault { _ = try RunLengths(cocoText: "4", width: 3, height: 3) } == .short(sum: 4, area: 9))
    #expect(fault { _ = try RunLengths(cocoText: "61", width: 2, height: 3) } == .length(1, sum: 6, area: 6))
    #expect(
      fault { _ = try RunLengths(cocoCounts: [3, -1], width: 3, height: 1) } == .length(-1, sum: 3, area: 3))
    #expect(
      fault { _ = try RunLengths(cocoCounts: [.max], width: 3, height: 1) } == .length(.max, sum: 0, area: 3))
    #expect(fault { _ = try RunLengths(cocoCounts: [], width: 0, height: 1) } == .box(width: 0, height: 1))
    #expect(fault { _ = try RunLengths(width: 1 << 24, height: 1 << 24, counts: [], order: .rows) } != nil)
    #expect(
      fault { _ = try RunLengths(x: .min, width: 1, height: 1, counts: [], order: .rows) }
        == .box(width: 1, height: 1))
    #expect(fault { _ = try RunLengths(brush: [0, 0], width: 1, height: 1) } == .cut)
    #expect(fault { _ = try RunLengths(brush: [0, 0, 0, 9], width: 1, height: 1) } == .words(9, wanted: 4))
    let good = try RunLengths(width: 5, height: 5, counts: [3, 9, 13], order: .rows).brush
    #expect(fault { _ = try RunLengths(brush: Array(good.dropLast(2)), width: 5, height: 5) } == .cut)
  }

  @Test("Pixels and runs outside the image are cut off, and later shapes lie over earlier ones")
  func clipping() throws {
    let values = [Bool](repeating: true, count: 9)
    let drawn = try ShapeRaster.mask(
      of: [
        .init(label: "a", form: .pixels(x: -1, y: -1, width: 3, height: 3, values: values)),
        .init(
          label: "b",
          form: .runs(try RunLengths(x: 1, y: 1, width: 4, height: 4, counts: [0, 16], order: .columns))),
        .init(
          label: "b",
          form: .runs(try RunLengths(x: -2, y: 2, width: 3, height: 9, counts: [0, 27], order: .rows))),
      ], width: 3, height: 3, labels: ["a": 1, "b": 7])
    #expect(drawn.pixels == [1, 1, 0, 1, 7, 7, 7, 7, 7])
    #expect(throws: ShapeError.label("c", value: nil)) {
      try ShapeRaster.mask(of: [.init(label: "c", form: .polygon([]))], width: 1, height: 1, labels: ["a": 1])
    }
    #expect(throws: ShapeError.label("a", value: 256)) {
      try ShapeRaster.mask(
        of: [.init(label: "a", form: .polygon([]))], width: 1, height: 1, labels: ["a": 256])
    }
    #expect(throws: ShapeError.pixels(2, width: 3, height: 1)) {
      try draw([.pixels(x: 0, y: 0, width: 3, height: 1, values: [true, true])], 3, 3)
    }
  }

  @Test("Rings that lie in each other enclose by odd numbers")
  func rings() throws {
    func ring(_ from: Double, _ to: Double) -> [LabelledShape.Point] {
      [.init(from, from), .init(to, from), .init(to, to), .init(from, to)]
    }
    let drawn = try draw([.polygon([ring(0, 5), ring(1, 4), ring(2, 3)])], 5, 5)
    #expect(
      drawn.pixels.map { $0 / 255 } == [
        1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1,
      ])
  }

  @Test("A polygon of impossible points or passages is refused, with the file where it is known")
  func limits() throws {
    let far = LabelledShape(label: "a", form: .polygon([[.init(0, 0), .init(.nan, 1), .init(2, 2)]]))
    #expect(throws: ShapeError.self) { try ShapeRaster.mask(of: [far], width: 4, height: 4, labels: [:]) }
    let file = URL(fileURLWithPath: "/data/x.json")
    #expect(
      message { _ = try ShapeRaster.mask(of: [far], width: 4, height: 4, labels: [:], source: file) }
        .hasPrefix("/data/x.json: a shape has the point"))
    let zigzag = (0..<4000).map { LabelledShape.Point($0 % 2 == 0 ? 0 : 9000, Double($0)) }
    #expect(throws: ShapeError.tooIntricate) {
      try ShapeRaster.mask(
        of: [.init(label: "a", form: .polygon([zigzag]))], width: 9000, height: 10, labels: [:])
    }
  }

  @Test("Polygons that are too much together are refused, although each is allowed")
  func limitOfAnImage() throws {
    // Each passes each of the columns twice.
    let ring: [LabelledShape.Point] = [.init(0, 0), .init(5, 0), .init(5, 1), .init(0, 1)]
    let box = LabelledShape(label: "a", form: .polygon([ring]))
    func draw(_ count: Int) throws -> Image {
      try ShapeRaster.mask(
        of: Array(repeating: box, count: count), width: 5, height: 1, labels: [:], most: 30)
    }
    #expect(try draw(3).pixels == [255, 255, 255, 255, 255])
    #expect(throws: ShapeError.tooMuch) { try draw(4) }
  }

  @Test("An ellipse has the pixels whose middle is inside")
  func ellipse() throws {
    let form = LabelledShape.Form.ellipse(centre: .init(6.2, 4.9), radiusX: 5.3, radiusY: 2.1, degrees: 37)
    let drawn = try draw([form], 13, 10)
    let angle = 37.0 * .pi / 180
    for y in 0..<10 {
      for x in 0..<13 {
        let (dx, dy) = (Double(x) + 0.5 - 6.2, Double(y) + 0.5 - 4.9)
        let along = (dx * cos(angle) + dy * sin(angle)) / 5.3
        let across = (dy * cos(angle) - dx * sin(angle)) / 2.1
        #expect(drawn.pixels[y * 13 + x] == (along * along + across * across <= 1 ? 255 : 0))
      }
    }
    let none = try draw([.ellipse(centre: .init(1, 1), radiusX: 0, radiusY: 4, degrees: 0)], 3, 3)
    #expect(none.pixels.allSatisfy { $0 == 0 })
  }
}
