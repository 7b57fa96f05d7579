import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite("Images and labels of annotated sources")
struct AnnotationSourceTests {
  @Test("Labels without values are numbered by name, or chosen, as in DICOM")
  func shapeLabels() throws {
    let file = URL(fileURLWithPath: "/source/mask")
    let square: [LabelledShape.Point] = [.init(0, 0), .init(2, 0), .init(2, 2), .init(0, 2)]
    func shape(_ label: String) -> LabelledShape { LabelledShape(label: label, form: .polygon([square])) }
    func listing(_ change: (inout ImportOptions) -> Void = { _ in }) throws -> ImportListing {
      var (listing, options) = (ImportListing(), ImportOptions())
      listing.items = [["tool", "polyp"], ["tool"]].enumerated().map { number, labels in
        ImportItem(
          stem: "\(number)", image: .file(file), mask: .shapes(labels.map(shape), source: file))
      }
      change(&options)
      try listing.chooseLabels(options, of: file)
      return listing
    }
    let maps = try listing()
    #expect(maps.labels == ["polyp": 1, "tool": 2] && maps.notes.count == 1)
    let one = try listing { $0.lesions = ["polyp"] }
    #expect(one.labels.isEmpty)
    guard case .shapes(let shapes, _) = one.items[0].mask, case .empty = one.items[1].mask else {
      Issue.record("the chosen label is drawn, and nothing else")
      return
    }
    #expect(shapes == [shape("polyp")])
    let stated = try listing { $0.labels = ["tool": 7] }
    #expect(stated.labels == ["tool": 7])
    #expect(message { _ = try listing { $0.lesions = ["blood"] } }.hasPrefix("--lesions:"))
  }

  @Test("The data folder beside an annotation file is not searched, and a path that fits exactly is best")
  func otherImages() throws {
    let scratch = try Scratch()
    try scratch.grey("x.png", width: 2, [1, 2, 3, 4])
    try scratch.grey("old/x.png", width: 2, [5, 6, 7, 8])
    try scratch.grey("DATA/other/images/x.png", width: 2, [9, 9, 9, 9])
    try scratch.text(
      "a.json",
      "{\"images\": [{\"id\": 1, \"file_name\": \"x.png\"}], \"annotations\": [], \"categories\": []}")
    var options = ImportOptions()
    options.data = scratch.file("DATA")
    let listing = try COCOReader.listing(scratch.file("a.json"), options: options)
    let item = try #require(listing.items.first, "\(listing.leftOut)")
    guard case .file(let url) = item.image else { throw ImagingError.empty(file: item.stem) }
    #expect(url.path == scratch.file("x.png").path && listing.leftOut.isEmpty)
    #expect(listing.notes.contains { $0.contains("without a lesion: 1 image") }, "\(listing.notes)")
    options.data = scratch.url
    let refused = message { _ = try COCOReader.listing(scratch.file("a.json"), options: options) }
    #expect(refused.hasPrefix("--out:") && refused.contains("choose another folder"), "\(refused)")
    try scratch.touch(String(repeating: "d/", count: 20) + "y.png")
    let deep = message { _ = try COCOReader.listing(scratch.file("a.json"), options: ImportOptions()) }
    #expect(deep.contains("nested more than 16 deep"), "\(deep)")
  }

  @Test("Paths are found by their last parts in any case; of several those in a folder images count")
  func pathIndex() {
    let index = PathIndex([
      "A/x.png", "b/x.png", "b/ax.png", "b/y.png", "images/c/y.png", "Ü/z.png", "z.png",
    ])
    func found(_ path: String) -> [String] { index.paths(endingIn: path.split(separator: "/")).first }
    #expect(found("a/X.png") == ["A/x.png"] && found("ax.png") == ["b/ax.png"])
    #expect(found("x.png") == ["A/x.png", "b/x.png"] && found("ü/Z.png") == ["Ü/z.png"])
    #expect(found("y.png") == ["images/c/y.png"] && found("b/y.png") == ["b/y.png"])
    #expect(found("q.png").isEmpty && found(".png").isEmpty && found("c/b/y.png").isEmpty)
    #expect(index.path(of: ["z.png"]) == "z.png" && index.path(of: ["Z.png"]) == nil)
    #expect(PathIndex([]).paths(endingIn: ["x.png"]).count == 0)
  }

  @Test("A look-up does not grow with the number of images of one name")
  func manyOfOneName() {
    let index = PathIndex((0..<20_000).map { "case\($0)/images/frame.png" })
    // With a scan of all, these would be 400 million comparisons.
    let wrong = (0..<20_000).count { number in
      let found = index.paths(endingIn: ["case\(number)", "images", "frame.png"])
      return found.count != 1 || index.paths(endingIn: ["frame.png"]).count != 20_000
    }
    #expect(wrong == 0)
  }

  @Test("A walk over folders ends with an error at its limits, and passes each folder once")
  func walk() throws {
    let scratch = try Scratch()
    try scratch.touch("b", "a/c", "a/.hidden", "other/x")
    try FileManager.default.createSymbolicLink(at: scratch.file("a/loop"), withDestinationURL: scratch.url)
    func paths(deepest: Int = 1, mostFiles: Int = 2, stop: Int = .max) throws -> [String] {
      var walk = FolderWalk(
        scratch.url, deepest: deepest, mostFiles: mostFiles, besides: scratch.file("other"))
      var found: [String] = []
      try walk.files { entry in
        found.append(entry.path)
        return found.count < stop
      }
      return found
    }
    #expect(try paths() == ["a/c", "b"])
    #expect(try paths(mostFiles: 1, stop: 1) == ["a/c"])
    #expect(message { _ = try paths(mostFiles: 1) }.contains("holds more than 1 files"))
    #expect(message { _ = try paths(deepest: 0) }.contains("nested more than 0 deep"))
  }

  @Test("JSON of more than 256 MiB is refused by name before it is parsed")
  func largeFile() throws {
    let scratch = try Scratch()
    try scratch.text("x.json", "{\"images\": [], \"annotations\": [], \"categories\": []}")
    let handle = try FileHandle(forWritingTo: scratch.file("x.json"))
    try handle.truncate(atOffset: (256 << 20) + 1)
    try handle.close()
    let text = message { _ = try COCOReader.listing(scratch.file("x.json"), options: ImportOptions()) }
    #expect(text.contains("x.json") && text.contains("256 MiB"), "\(text)")
  }
}
