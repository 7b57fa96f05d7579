import Foundation
import Imaging
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Mask conventions")
struct MaskConventionTests {
  /// A mask of 16×16 whose left columns have a value.
  private func pixels(_ value: UInt8, columns: Int = 6, ground: UInt8 = 0) -> [UInt8] {
    (0..<256).map { $0 % 16 < columns ? value : ground }
  }

  /// One site whose masks are given; every image is grey.
  private func site(_ masks: [[UInt8]]) throws -> Scratch {
    let scratch = try Scratch()
    for (index, mask) in masks.enumerated() {
      try scratch.grey("a/images/\(index).png", width: 16, [UInt8](repeating: 90, count: 256))
      try scratch.grey("a/masks/\(index).png", width: 16, mask)
    }
    return scratch
  }

  private func found(_ scratch: Scratch) throws -> FoundConvention {
    try #require(try SiteCatalog(at: scratch.url).site("a").survey).found()
  }

  /// The share of the first masks that is lesion.
  private func shares(_ scratch: Scratch) throws -> [Double] {
    try SiteCatalog(at: scratch.url).site("a").samples.map {
      try #require(try SampleReader(size: 16).mask(of: $0, imageSize: [16, 16])).to(.float32).mean().item()
    }
  }

  @Test("Masks of 0 and 255, also with grey edges or an empty one among them, are read as before")
  func grey() throws {
    let plain = try site([pixels(255), pixels(255, columns: 0)])
    #expect(
      try found(plain)
        == FoundConvention(
          convention: .grey, statement: "0 and 255, where 255 is lesion", hasLesion: true))
    #expect(try shares(plain) == [0.375, 0])
    var edged = pixels(255)
    for row in 0..<16 { (edged[16 * row + 5], edged[16 * row + 6]) = (128, 127) }
    let soft = try site([edged, pixels(255)])
    #expect(try found(soft).convention == .grey && found(soft).statement.contains("grey between"))
    #expect(try shares(soft) == [0.375, 0.375])
  }

  @Test("Masks of 0 and one other value are lesion at that value, in a site and in its test images")
  func single() throws {
    for value: UInt8 in [1, 100, 200] {
      let scratch = try site([pixels(value), pixels(value, columns: 0), pixels(value, columns: 2)])
      #expect(try found(scratch).statement == "0 and \(value), where \(value) is lesion")
      #expect(try shares(scratch) == [0.375, 0, 0.125])
    }
    let scratch = try site([pixels(1)])
    try scratch.grey("a/test/images/t.png", width: 16, pixels(9))
    try scratch.grey("a/test/masks/t.png", width: 16, pixels(1, columns: 4))
    try scratch.text("sites.json5", "{sites: [{name: 'a', test: {}}]}")
    let test = try SiteCatalog(at: scratch.url).site("a").testSamples[0]
    #expect(try SampleReader(size: 4).pair(test).mask.to(.float32).mean().item() == 0.25)
  }

  @Test("A label map is refused with its file, its values and the statement to write, then read by it")
  func labels() throws {
    var map = pixels(1)
    for index in map.indices where index % 16 > 11 { map[index] = 2 }
    let scratch = try site([pixels(1), map])
    let text = message { _ = try shares(scratch) }
    for part in ["masks/1.png", "0, 1, 2", "labels: { lesion: 1, other1: 2 }", "sites.json5"] {
      #expect(text.contains(part), "\(text)")
    }
    try scratch.text(
      "sites.json5", "{sites: [{name: 'a', labels: {lesion: 1, other: 2}, lesions: ['other']}]}")
    #expect(try shares(scratch) == [0, 0.25])
    #expect(try found(scratch).statement.contains("2 is lesion"))
    // A wide band of grey is a label as well.
    #expect(message { _ = try shares(site([pixels(128), pixels(255)])) }.contains("two conventions"))
    let grey = pixels(255).enumerated().map { $0.offset % 16 > 11 ? UInt8(128) : $0.element }
    #expect(message { _ = try shares(site([grey])) }.contains("label map of the values 0, 128, 255"))
  }

  @Test("Two conventions in one site are refused with a file of each, wherever they stand")
  func mixed() throws {
    for masks in [[pixels(255), pixels(1)], [pixels(1), pixels(255)], [pixels(1), pixels(2)]] {
      let text = message { _ = try shares(site(masks)) }
      #expect(text.contains("masks/0.png") && text.contains("masks/1.png"), "\(text)")
      #expect(
        text.contains("two conventions") && text.contains("store all as 0 and 255, or state all values"),
        "\(text)")
    }
  }

  @Test("White of one bit is lesion among masks of 0 and 1, and is label 1 or 255")
  func bilevel() throws {
    let scratch = try site([pixels(1)])
    try scratch.grey("a/images/bit.png", width: 16, pixels(3))
    let bit = try Image(width: 16, height: 16, channels: 1, pixels: pixels(255, columns: 8))
    try MaskFile.writeBinary(bit, to: scratch.file("a/masks/bit.png"))
    #expect(try shares(scratch) == [0.375, 0.5])
    let reader = SampleReader(size: 16)
    for (labels, share) in [([1], 0.5), ([255], 0.5), ([4], 0)] {
      let mask = try reader.mask(scratch.file("a/masks/bit.png"), as: .values(labels, as: .indices))
      #expect(try mask.to(.float32).mean().item() == share, "\(labels)")
    }
  }

  @Test("A JPEG of black and white is lesion above 127; one without white is refused")
  func jpeg() throws {
    func jpeg(_ value: UInt8) throws -> Scratch {
      let scratch = try site([pixels(255)])
      try scratch.grey("a/images/j.png", width: 16, pixels(3))
      let image = try Image(width: 16, height: 16, channels: 1, pixels: pixels(value, columns: 5))
      try ImageFile.writeJPEG(image, quality: 60, to: scratch.file("a/masks/j.jpg"))
      return scratch
    }
    let scratch = try jpeg(255)
    #expect(try found(scratch).statement.contains("grey between"))
    #expect(try shares(scratch) == [0.375, 0.3125])
    #expect(message { _ = try shares(jpeg(120)) }.contains("j.jpg"))
    // A lesion of few pixels, which compression keeps from white, is no other convention.
    let small = try site([pixels(255)])
    try small.grey("a/images/j.png", width: 16, pixels(3))
    let spot = try Image(width: 16, height: 16, channels: 1, pixels: (0..<256).map { $0 == 100 ? 255 : 0 })
    try ImageFile.writeJPEG(spot, quality: 10, to: small.file("a/masks/j.jpg"))
    #expect(try found(small).convention == .grey)
  }

  @Test("A palette of colours is refused with its indices, then read by the stated ones")
  func palette() throws {
    let scratch = try site([pixels(255)])
    try FileManager.default.removeItem(at: scratch.file("a/masks/0.png"))
    let bitmap = paletteBitmap(width: 16, pixels(2), colours: [[0, 0, 0], [0, 0, 9], [128, 0, 0]])
    try Data(bitmap).write(to: scratch.file("a/masks/0.bmp"))
    let text = message { _ = try shares(scratch) }
    for part in ["a/masks/0.bmp", "indices 0, 2", "labels: { lesion: 2 }"] {
      #expect(text.contains(part), "\(text)")
    }
    try scratch.text("sites.json5", "{sites: [{name: 'a', labels: {lesion: 2}}]}")
    #expect(try shares(scratch) == [0.375])
  }

  @Test("Stated labels that no mask holds are refused, and empty masks are not")
  func absentLabel() throws {
    let scratch = try site([pixels(1)])
    try scratch.text("sites.json5", "{sites: [{name: 'a', labels: {lesion: 7}}]}")
    #expect(message { _ = try found(scratch) }.contains("no mask of its site holds a stated lesion (7)"))
    let empty = try site([pixels(0), pixels(0)])
    #expect(try found(empty).statement == "all empty" && !found(empty).hasLesion)
    #expect(try shares(empty) == [0, 0])
  }

  @Test("Files of many grey levels are probabilities where these may stand, even with a faint one")
  func probabilities() throws {
    let scratch = try Scratch()
    try scratch.grey("p/0.png", width: 16, (0..<256).map { UInt8($0) })
    try scratch.grey("p/1.png", width: 16, pixels(1))
    let urls = ["p/0.png", "p/1.png"].map(scratch.file)
    #expect(try FoundConvention(urls, stated: nil, mayBeProbabilities: true).convention == .grey)
    #expect(throws: MaskConventionError.self) {
      try FoundConvention(urls, stated: nil, mayBeProbabilities: false)
    }
    let ones = try FoundConvention([urls[1]], stated: nil, mayBeProbabilities: true)
    #expect(ones.convention == .values([1], as: .grey))
  }
}
