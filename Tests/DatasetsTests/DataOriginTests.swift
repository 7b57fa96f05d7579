import Foundation
import Testing

@testable import Datasets

@Suite("Origin of the images of a site")
struct DataOriginTests {
  @Test("sites.json5 states licence, source and citation of a site, or none of them")
  func manifest() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    try scratch.text(
      "sites.json5",
      """
      {sites: [{name: 'a', licence: ' CC BY 4.0\\n', source: 'https://polyps.example', citation: 'P, 2023'},
       {name: 'b', licence: '  '}]}
      """)
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(
      try catalog.site("a").origin
        == DataOrigin(licence: "CC BY 4.0", source: "https://polyps.example", citation: "P, 2023"))
    #expect(try catalog.site("b").origin == DataOrigin())
    try scratch.text("sites.json5", "{sites: [{name: 'a', license: 'MIT'}]}")
    #expect { try SiteCatalog(at: scratch.url) } throws: {
      "\($0)".contains("\"license\" is no key here") && "\($0)".contains("licence")
    }
  }

  /// A site of masks with 16×16 pixels, whose first six columns have a value.
  private func count(_ values: [UInt8], _ entry: String = "") throws -> Int? {
    let scratch = try Scratch()
    for (index, value) in values.enumerated() {
      try scratch.grey("a/images/\(index).png", width: 16, [UInt8](repeating: 90, count: 256))
      try scratch.grey("a/masks/\(index).png", width: 16, (0..<256).map { $0 % 16 < 6 ? value : 0 })
    }
    try scratch.text("sites.json5", "{sites: [{name: 'a', \(entry)}]}")
    return try SiteCatalog(at: scratch.url).site("a").countWithoutLesion()
  }

  @Test("Images without a lesion are counted by the values of the masks, whatever their convention")
  func withoutLesion() throws {
    #expect(try count([255, 0, 255]) == 1)
    #expect(try count([1, 0, 0]) == 2)
    #expect(try count([0, 0]) == 2)
    #expect(try count([1, 2, 2, 0], "labels: {fold: 1, lesion: 2}, lesions: ['lesion']") == 2)
  }

  @Test("A mask that cannot be read, or is missing, leaves the count open")
  func unknown() throws {
    let scratch = try Scratch()
    for index in 0..<2 {
      try scratch.grey("a/images/\(index).png", width: 16, [UInt8](repeating: 90, count: 256))
      try scratch.grey("a/masks/\(index).png", width: 16, (0..<256).map { $0 < 60 ? 255 : 0 })
    }
    #expect(try SiteCatalog(at: scratch.url).site("a").countWithoutLesion() == 0)
    try Data("no picture".utf8).write(to: scratch.file("a/masks/1.png"))
    #expect(try SiteCatalog(at: scratch.url).site("a").countWithoutLesion() == nil)
    try FileManager.default.removeItem(at: scratch.file("a/masks/1.png"))
    let site = try SiteCatalog(at: scratch.url, allowsMissingMasks: true).site("a")
    #expect(try site.countWithoutLesion() == nil)
  }

  @Test("Patients or sequences are stated by a pattern or by name")
  func groups() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/p1_1.png", "a/images/p1_2.png", "a/masks/p1_1.png", "a/masks/p1_2.png")
    #expect(try !SiteCatalog(at: scratch.url).site("a").statesGroups)
    try scratch.text("sites.json5", "{sites: [{name: 'a', groupPattern: '^(p[0-9]+)_'}]}")
    #expect(try SiteCatalog(at: scratch.url).site("a").statesGroups)
  }
}
