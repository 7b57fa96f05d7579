import Foundation
import Imaging
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Several classes of label maps")
struct MaskClassesTests {
  /// A label map of 16×16: 1 in the first four columns, 3 in the next four, 9 in the last two rows.
  private static let map: [UInt8] = (0..<256).map { pixel in
    pixel / 16 >= 14 ? 9 : pixel % 16 < 4 ? 1 : pixel % 16 < 8 ? 3 : 0
  }

  /// A site of two images: one with the map, one without any label.
  private func site(_ labels: String, map: [UInt8] = map) throws -> Scratch {
    let scratch = try Scratch()
    for (stem, mask) in [("0", map), ("1", [UInt8](repeating: 0, count: 256))] {
      try scratch.grey("a/images/\(stem).png", width: 16, [UInt8](repeating: 90, count: 256))
      try scratch.grey("a/masks/\(stem).png", width: 16, mask)
    }
    try scratch.text("sites.json5", "{sites: [{name: 'a'\(labels)}]}")
    return scratch
  }

  private func samples(_ scratch: Scratch) throws -> [Sample] {
    try SiteCatalog(at: scratch.url).site("a").samples
  }

  private func shares(_ masks: Tensor) throws -> [Double] {
    try masks.maskOfEachClass().map { try $0.to(.float32).mean().item() }
  }

  @Test("Each class is a mask by its stated value, in the order of the settings")
  func masks() throws {
    let scratch = try site(", labels: {folds: 1, glottis: 3, tool: 5}")
    let reader = SampleReader(size: 8, classes: ["glottis", "folds"])
    let own = try samples(scratch)
    let mask = try #require(try reader.mask(of: own[0], imageSize: [16, 16]))
    #expect(mask.shape == [2, 16, 16] && mask.dtype == .bool)
    #expect(try shares(mask) == [56.0 / 256, 56.0 / 256])
    #expect(try mask.selected(dim: 0, index: 1).selected(dim: 1, index: 0).to(.float32).sum().item() == 14)
    #expect(try mask.anyClass().to(.float32).mean().item() == 112.0 / 256)
    // At half the size a row less and half of the columns.
    let pair = try reader.pair(own[0])
    #expect(pair.mask.shape == [2, 8, 8] && pair.mask.dtype == .bool)
    #expect(try shares(pair.mask) == [14.0 / 64, 14.0 / 64])
    let batch = try SampleBank(own, reader: reader).batch([0, 1])
    #expect(batch.masks.shape == [2, 2, 8, 8])
    #expect(try batch.masks.sum([2, 3]).doubles() == [14, 14, 0, 0])
    // One class is one mask, in the shape of one.
    let single = try SampleReader(size: 8, classes: ["glottis"]).pair(own[0]).mask
    #expect(single.shape == [8, 8])
    #expect(try single.isEqual(to: pair.mask.selected(dim: 0, index: 0)))
    #expect(try reader.emptyMask([3, 4]).shape == [2, 3, 4])
    #expect(try SampleReader(size: 8).emptyMask([3, 4]).shape == [3, 4])
  }

  @Test("A palette is read by its indices, and one bit is label 1")
  func palette() throws {
    let scratch = try site(", labels: {folds: 1, glottis: 3}")
    try FileManager.default.removeItem(at: scratch.file("a/masks/0.png"))
    let indices = Self.map.map { $0 == 9 ? UInt8(2) : $0 }
    let colours: [[UInt8]] = [[0, 0, 0], [255, 0, 0], [9, 9, 9], [0, 0, 255]]
    try Data(paletteBitmap(width: 16, indices, colours: colours)).write(to: scratch.file("a/masks/0.bmp"))
    let bit = try Image(width: 16, height: 16, channels: 1, pixels: Self.map.map { $0 == 1 ? 255 : 0 })
    try FileManager.default.removeItem(at: scratch.file("a/masks/1.png"))
    try MaskFile.writeBinary(bit, to: scratch.file("a/masks/1.png"))
    let reader = SampleReader(size: 8, classes: ["folds", "glottis"])
    let found = try samples(scratch).map { try #require(try reader.mask(of: $0, imageSize: [16, 16])) }
    #expect(try shares(found[0]) == [56.0 / 256, 56.0 / 256])
    #expect(try shares(found[1]) == [56.0 / 256, 0])
  }

  @Test("A class that the site does not state is an error that names site, class and fix")
  func errors() throws {
    func text(_ labels: String, _ classes: [String]) throws -> String {
      let scratch = try site(labels)
      let own = try samples(scratch)
      return withExtendedLifetime(scratch) {
        message { _ = try SampleReader(size: 8, classes: classes).pair(own[0]) }
      }
    }
    let none = try text("", ["folds"])
    #expect(none.contains("site a states no labels") && none.contains("labels: { \"folds\": 1 }"), "\(none)")
    let other = try text(", labels: {folds: 1, tool: 5}", ["folds", "glottis"])
    #expect(other.contains("no label \"glottis\"") && other.contains("folds, tool"), "\(other)")
    let ground = try text(", labels: {void: 0, folds: 1}, lesions: ['folds']", ["void"])
    #expect(ground.contains("\"void\" is 0"), "\(ground)")
    let size = try site(", labels: {folds: 1, glottis: 3}")
    try size.grey("a/masks/0.png", width: 8, [UInt8](repeating: 1, count: 64))
    let reader = SampleReader(size: 8, classes: ["folds", "glottis"])
    let first = try samples(size)[0]
    #expect(message { _ = try reader.pair(first) }.contains("the mask is 8×8"))
  }

  @Test("Labels are counted by masks and pixels, and values without a label are named")
  func counts() throws {
    let scratch = try site(", labels: {folds: 1, glottis: 3, tool: 5}")
    let site = try SiteCatalog(at: scratch.url).site("a")
    let counts = [
      LabelCount(name: "folds", value: 1, images: 1, pixels: 56),
      LabelCount(name: "glottis", value: 3, images: 1, pixels: 56),
      LabelCount(name: "tool", value: 5, images: 0, pixels: 0),
    ]
    #expect(try site.labelCounts() == counts)
    #expect(try site.unstatedValues() == [9])
    try site.requireClasses(["tool", "folds"])
    let inspection = try Inspection(SiteCatalog(at: scratch.url, passingOver: .all))
    #expect(inspection.sites[0].labels == counts)
    #expect(inspection.warnings.contains { $0.description.contains("the values 9 are not among") })
    let json = String(decoding: try JSONEncoder().encode(inspection), as: UTF8.self)
    #expect(json.contains("\"labels\""))
    // Without stated labels there is nothing to count, and the key is absent.
    let plain = try self.site("", map: Self.map.map { $0 == 1 ? 255 : 0 })
    #expect(try SiteCatalog(at: plain.url).site("a").labelCounts() == nil)
    let other = try Inspection(SiteCatalog(at: plain.url, passingOver: .all))
    #expect(!String(decoding: try JSONEncoder().encode(other), as: UTF8.self).contains("\"labels\""))
  }

  @Test("Sites share a folder by the stems of their images; what none chooses is named")
  func stems() throws {
    let scratch = try Scratch()
    for stem in ["seq1_1", "seq1_2", "seq2_1", "odd"] {
      try scratch.touch("images/\(stem).png", "labels/\(stem).png")
    }
    func manifest(_ stems: String) throws {
      try scratch.text(
        "sites.json5",
        """
        {sites: [
          {name: 'one', images: 'images', masks: 'labels', stems: '^seq1_', groupPattern: '^(seq[0-9]+)'},
          {name: 'two', images: 'images', masks: 'labels', stems: '\(stems)'},
        ]}
        """)
    }
    try manifest("^seq2_")
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites.map { $0.samples.map(\.id) } == [["seq1_1", "seq1_2"], ["seq2_1"]])
    #expect(Set(catalog.sites[0].samples.map(\.group)) == ["one/seq1"])
    let others = catalog.leftOut.map { "\($0.url.lastPathComponent) \($0.reason.rawValue)" }
    #expect(Set(others) == ["odd.png otherStem", "odd.png maskWithoutImage"])
    for (stems, part) in [("^seq9_", "stems \"^seq9_\" matches none"), ("(", "stems \"(\" is not a regular")]
    {
      try manifest(stems)
      let text = message { _ = try SiteCatalog(at: scratch.url) }
      #expect(text.contains("site two: \(part)"), "\(text)")
    }
  }
}
