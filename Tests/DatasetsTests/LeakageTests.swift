import Foundation
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Leakage between sites")
struct LeakageTests {
  /// Two sites, each with two pictures of its own.
  private func sites() throws -> Scratch {
    let scratch = try Scratch()
    for (site, first) in [("a", 1), ("b", 3)] {
      for number in first...first + 1 {
        try scratch.picture("\(site)/images/p\(number)_x.jpg", number)
        try scratch.touch("\(site)/masks/p\(number)_x.png")
      }
    }
    return scratch
  }

  private func report(_ scratch: Scratch, heldOut: [String]? = nil) throws -> LeakageReport {
    try LeakageReport(SiteCatalog(at: scratch.url), heldOut: heldOut)
  }

  @Test("Different pictures and unstated groups are no leak")
  func clean() throws {
    let scratch = try sites()
    // The same name at two sites states nothing.
    try scratch.picture("b/images/p1_x.jpg", 5)
    try scratch.touch("b/masks/p1_x.png")
    let done = Tally()
    let report = try LeakageReport(SiteCatalog(at: scratch.url)) { _ in done.add() }
    #expect(report.findings.isEmpty && report.error == nil)
    #expect(report.images == 5 && done.value == 5)
  }

  @Test("A patient stated at two sites is found once, and the message says how names are made local")
  func groups() throws {
    let scratch = try sites()
    let entries = """
      sites: [{name: 'a', groupPattern: '^(p[0-9]+)_'},
        {name: 'b', groups: {p3_x: 'p1', p4_x: 'p1'}}]
      """
    try scratch.text("sites.json5", "{\(entries)}")
    let report = try report(scratch)
    let finding = try #require(report.findings.first)
    #expect(report.findings.count == 1)
    #expect(finding.kind == .group && finding.group == "p1" && finding.similarity == nil)
    #expect(finding.first.id == "p1_x" && finding.second.id == "p3_x")
    let text = "\(try #require(report.error))"
    for part in [
      scratch.file("a/images/p1_x.jpg").path, scratch.file("b/images/p3_x.jpg").path, "\"p1\"",
      "groupsAreLocal: true",
    ] { #expect(text.contains(part), "\(text)") }
    #expect(text.split(separator: "\n").count <= 3)

    try scratch.text("sites.json5", "{groupsAreLocal: true, \(entries)}")
    #expect(try self.report(scratch).findings.isEmpty)
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites[1].samples.map(\.group) == ["b/p1", "b/p1"])
  }

  @Test("A copy of every pixel is told from one that was compressed, resized, lit or shifted otherwise")
  func copies() throws {
    let scratch = try sites()
    try FileManager.default.copyItem(
      at: scratch.file("a/images/p1_x.jpg"), to: scratch.file("b/images/exact.jpg"))
    try scratch.picture("b/images/jpeg.jpg", 1, quality: 50)
    try scratch.picture("b/images/small.png", 1) {
      try $0.expandedDimension(0).resized(height: 90, width: 112).resized(height: 128, width: 160).squeezed(0)
    }
    try scratch.picture("b/images/bright.jpg", 1) { try $0 * 1.1 }
    try scratch.picture("b/images/dark.jpg", 1) { try $0 * 0.9 }
    try scratch.picture("b/images/moved.jpg", 1) {
      try $0.padded([3, 0, 3, 0]).narrowed(dim: 1, start: 0, length: 128)
        .narrowed(dim: 2, start: 0, length: 160)
    }
    let names = ["exact", "bright", "dark", "jpeg", "moved", "small"]
    for name in names { try scratch.touch("b/masks/\(name).png") }
    let findings = try report(scratch).findings
    #expect(findings.map(\.kind) == [.duplicate] + Array(repeating: .nearDuplicate, count: 5))
    #expect(findings.allSatisfy { $0.first.id == "p1_x" && $0.first.site == "a" && $0.second.site == "b" })
    #expect(findings[0].second.id == "exact" && findings[0].similarity == 1)
    #expect(Set(findings.map(\.second.id)) == Set(names))
  }

  @Test("Black frames, and one round field of view, make no pictures alike")
  func fieldOfView() throws {
    let scratch = try Scratch()
    let side = 128
    let axis = try Tensor.linspace(-1, 1, count: side)
    let radius = try axis.expandedDimension(0).power(2) + axis.expandedDimension(1).power(2)
    let disc = try radius.less(than: 0.9).to(.float32)
    for (number, site) in ["a", "b"].enumerated() {
      for index in 0..<4 {
        // Smooth ground on black: the round edge is the strongest thing in the picture.
        try scratch.picture("\(site)/images/\(index).jpg", 10 * number + index, width: side, height: side) {
          try ($0 * 0.2 + 140) * disc
        }
      }
      try scratch.picture("\(site)/images/black.jpg", 0, width: side, height: side) { try $0 * 0 }
      for name in ["0", "1", "2", "3", "black"] { try scratch.touch("\(site)/masks/\(name).png") }
    }
    #expect(try report(scratch).findings.isEmpty)
  }

  @Test("What counts is trained at one site and scored at another; a site's own test images are no leak")
  func tests() throws {
    let scratch = try sites()
    for (path, number) in [("a/test", 1), ("b/test", 4)] {
      try scratch.picture("\(path)/images/t.png", number)
      try scratch.touch("\(path)/masks/t.png")
    }
    try scratch.text("sites.json5", "{sites: [{name: 'a', test: {}}, {name: 'b', test: {}}]}")
    #expect(try report(scratch).findings.isEmpty)

    // Both sites have test images, so their own are never scored against each other.
    try scratch.picture("b/images/p3_x.jpg", 1)
    let crossed = try report(scratch).findings
    #expect(crossed.map { [$0.first.id, $0.second.id] } == [["t", "p3_x"]])
    #expect(try report(scratch, heldOut: ["a"]).findings.count == 1)
    #expect(try report(scratch, heldOut: ["b"]).findings.isEmpty)
    #expect(throws: DatasetError.unknownSite("z", known: ["a", "b"])) { try report(scratch, heldOut: ["z"]) }

    try scratch.text("sites.json5", "{sites: [{name: 'a'}, {name: 'b'}]}")
    #expect(try report(scratch).findings.map { [$0.first.id, $0.second.id] } == [["p1_x", "p3_x"]])
  }

  @Test("Pairs are found wherever they stand among more images than are compared at once")
  func blocks() throws {
    let (count, copies) = (600, [(3, 599), (258, 511), (300, 301)])
    var thumbnails = try (0..<count).map { number in
      try Scratch.blobs(number, width: NearDuplicates.side, height: NearDuplicates.side).to(.uint8)
    }
    for (first, second) in copies { thumbnails[second] = thumbnails[first] }
    let samples = (0..<count).map { index in
      Sample(
        site: "\(index % 2)", id: "\(index)", image: ListedFile(URL(fileURLWithPath: "/\(index).png")),
        mask: nil, lesionClass: nil, group: "\(index)", lesionLabels: nil)
    }
    let halves = [0, 1].map { half in samples.filter { $0.site == "\(half)" } }
    let border = Border(halves.enumerated().map { Site(name: "\($0.offset)", samples: $0.element) })
    let inOrder = border.samples.compactMap { Int($0.id) }.map { thumbnails[$0] }
    func ids(_ pairs: [NearDuplicates.Pair]) -> Set<[String]> {
      Set(pairs.map { [border.samples[$0.first].id, border.samples[$0.second].id].sorted() })
    }
    // 3 and 599 are at one site; across sites only the other two pairs count.
    #expect(try ids(NearDuplicates.pairs(inOrder, border: border)) == [["258", "511"], ["300", "301"]])
    let all = try NearDuplicates.pairs(inOrder, border: border, withinSites: true)
    #expect(ids(all) == [["258", "511"], ["300", "301"], ["3", "599"]])
    #expect(all.allSatisfy { $0.similarity > 0.999 && $0.similarity <= 1 })
  }
}
