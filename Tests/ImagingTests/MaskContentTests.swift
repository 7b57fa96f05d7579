import Foundation
import TestSupport
import Testing

@testable import Imaging

@Suite("Content of masks")
struct MaskContentTests {
  /// A little-endian TIFF of uncompressed 8-bit pages, each 2×2 with one or two samples a pixel.
  private func tiff(_ pages: [[UInt8]], subfile: Int = 0) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 255) } }
    var bytes: [UInt8] = [0x49, 0x49, 42, 0] + number(8, 4)
    for (index, page) in pages.enumerated() {
      let samples = page.count / 4
      var tags: [(Int, Int, Int)] = [(254, 4, index == 0 ? 0 : subfile), (256, 3, 2), (257, 3, 2)]
      // Bits of two samples of 8 lie in one number.
      tags += [(258, 3, samples == 1 ? 8 : 8 | 8 << 16), (259, 3, 1), (262, 3, 1)]
      let directory = bytes.count
      let count = samples == 1 ? 10 : 11
      let pixels = directory + 2 + 12 * count + 4
      tags += [(273, 4, pixels), (277, 3, samples), (278, 3, 2), (279, 4, page.count)]
      if samples == 2 { tags.append((338, 3, 2)) }
      bytes += number(count, 2)
      for (tag, type, value) in tags {
        bytes += number(tag, 2) + number(type, 2) + number(tag == 258 ? samples : 1, 4) + number(value, 4)
      }
      bytes += number(index + 1 < pages.count ? pixels + page.count : 0, 4) + page
    }
    return bytes
  }

  @Test("A TIFF of several pages is refused, but a smaller copy in it is no page")
  func pages() throws {
    let page: [UInt8] = [0, 255, 255, 0]
    #expect(try MaskFile.decode(tiff([page]), file: "x").pixels == page)
    #expect(throws: ImagingError.severalPages(file: "x", count: 3)) {
      try MaskFile.decode(tiff([page, page, page]), file: "x")
    }
    #expect(throws: ImagingError.severalPages(file: "x", count: 2)) {
      try ImageFile.decode(tiff([page, page]), file: "x")
    }
    #expect(try ImageFile.decode(tiff([page, page], subfile: 1), file: "x").pixels == page)
  }

  @Test("Content that lies in the transparency alone is refused; an empty or an opaque mask is not")
  func transparency() throws {
    func read(_ pixels: [UInt8]) throws -> [UInt8] { try MaskFile.decode(tiff([pixels]), file: "x").pixels }
    #expect(try read([0, 255, 1, 255, 1, 255, 0, 255]) == [0, 1, 1, 0])
    #expect(try read([255, 0, 255, 0, 255, 0, 255, 0]) == [0, 0, 0, 0])
    for hidden: [UInt8] in [
      [0, 0, 1, 1, 1, 1, 0, 0], [0, 255, 0, 255, 0, 255, 0, 0], [7, 0, 9, 0, 7, 0, 9, 0],
    ] {
      #expect(throws: ImagingError.transparentMask(file: "x")) { try read(hidden) }
    }
  }

  @Test("Grey below 8 bits keeps its numbers as labels, and is scaled as grey", arguments: [1, 2, 4])
  func smallGrey(bits: Int) throws {
    let url = Fixtures.url("grey\(bits).png")
    let (labels, grey) = (try MaskFile.content(url, as: .indices), try MaskFile.content(url))
    let top = 1 << bits - 1
    #expect(labels.image.pixels.map { Int($0) * 255 / top } == grey.image.pixels.map(Int.init))
    #expect(labels.isBilevel == (bits == 1) && grey.isBilevel == (bits == 1))
  }

  @Test(
    "A 1-bit TIFF keeps its numbers as labels", arguments: ["bilevel-g4.tif", "bilevel-min-is-white.tif"])
  func smallTIFF(name: String) throws {
    let (labels, grey) = (
      try MaskFile.content(Fixtures.url(name), as: .indices), try MaskFile.content(Fixtures.url(name))
    )
    #expect(labels.image.pixels.map { 255 * Int($0) } == grey.image.pixels.map(Int.init) && labels.isBilevel)
  }

  @Test("A palette whose colours are all the same is read by its indices, others by their colours")
  func palettes() throws {
    let indices: [UInt8] = [0, 1, 1, 0]
    func read(_ colours: [[UInt8]]) throws -> [UInt8] {
      try MaskFile.decode(paletteBitmap(width: 4, indices, colours: colours), file: "x").pixels
    }
    #expect(try read([[0, 0, 0], [0, 0, 0]]) == indices)
    #expect(try read([[0, 0, 0], [255, 255, 255]]) == [0, 255, 255, 0])
    #expect(
      throws: ImagingError.colouredMask(file: "x", colours: ["(0, 0, 0)", "(128, 0, 0)"], indices: [0, 1])
    ) { try read([[0, 0, 0], [128, 0, 0]]) }
  }

  @Test("Values are counted, with those that fill areas")
  func values() throws {
    // A border of 7 one pixel wide, an area of 9 of 3×3 pixels, and the last column of 255.
    let rows: [[UInt8]] = [
      [7, 7, 7, 7, 7, 255], [7, 9, 9, 9, 7, 255], [7, 9, 9, 9, 7, 255], [7, 9, 9, 9, 7, 0],
    ]
    let image = try Image(width: 6, height: 4, channels: 1, pixels: rows.flatMap { $0 })
    let values = MaskValues(MaskFile.Content(image: image, isBilevel: false, isLossy: false))
    #expect(values.distinct == [0, 7, 9, 255] && values.areas == [9] && values.count == 24)
    #expect(values.greyShare == 20.0 / 24 && values.middleShare == 0)
  }
}
