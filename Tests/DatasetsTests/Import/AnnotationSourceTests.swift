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
}
