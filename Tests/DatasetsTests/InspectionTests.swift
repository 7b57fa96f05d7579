import Foundation
import Testing
import TestSupport
import Torch

@testable import Datasets

@Suite("Inspection")
struct InspectionTests {
  private let side = 160 * 128

  /// Inspects, with all faults as problems.
  private func inspect(_ scratch: Scratch) throws -> Inspection {
    try Inspection(SiteCatalog(at: scratch.url, passingOver: .all))
  }

  /// A site of pictures, each with a mask.
  private func site(_ name: String, _ masks: [[UInt8]], in scratch: Scratch, first: Int = 0) throws {
    for (index, mask) in masks.enumerated() {
      try scratch.picture("\(name)/images/\(index).png", 100 * first + index)
      try scratch.grey("\(name)/masks/\(index).png", width: 160, mask)
    }
  }

  /// A mask with a value in a middle rectangle.
  private func mask(_ value: UInt8, ground: UInt8 = 0) -> [UInt8] {
    (0..<side).map { (40..<90).contains($0 % 160) && (30..<90).contains($0 / 160) ? value : ground }
  }

  private func has(_ findings: [Inspection.Finding], _ parts: String...) -> Bool {
    findings.contains { line in parts.allSatisfy(line.description.contains) }
  }

  @Test("An image without a mask, or one that cannot be read, is a problem among others, not the end")
  func problems() throws {
    let scratch = try Scratch()
    for (name, number) in [("a/images/1", 1), ("a/images/2", 2), ("a/images/3", 2), ("b/images/1", 1)] {
      try scratch.picture("\(name).png", number)
    }
    try scratch.text("b/images/2.png", "no picture")
    for name in ["a/masks/1", "a/masks/3", "b/masks/2"] {
      try scratch.grey("\(name).png", width: 160, mask(255))
    }
    try scratch.grey("b/masks/1.png", width: 160, mask(0))
    try scratch.folder("c/images")
    try scratch.touch("d/images/x.png", "d/images/x.jpg")
    let catalog = try SiteCatalog(at: scratch.url, passingOver: .all)
    #expect(catalog.sites.map(\.name) == ["a", "b", "d"])
    #expect(catalog.sites[0].samples.map { $0.mask == nil } == [false, true, false])
    let done = Tally()
    let inspection = try Inspection(catalog) { _ in done.add() }
    #expect(done.value == 6)
    // The image without a mask has no lesion share and is not one with an empty mask.
    #expect(inspection.sites.map(\.emptyMasks) == [0, 1, 0] && inspection.sites[1].lesionShare > 0)
    for parts in [
      [scratch.file("a/masks").path, "1 image without a mask", "such as 2"],
      [scratch.file("b/images/2.png").path], ["a/images/1.png", "at two sites", "b/images/1.png"],
      [scratch.file("c/masks").path], [scratch.file("d/masks").path], ["x.jpg", "same stem"],
    ] {
      #expect(
        inspection.problems.contains { line in parts.allSatisfy(line.description.contains) }, "\(parts)")
    }
    #expect(has(inspection.warnings, "a/images/3.png", "stands twice", "a/images/2.png"))
  }

  @Test("A sound folder has no findings and says how its masks are read")
  func sound() throws {
    let scratch = try Scratch()
    try site("a", [mask(255), mask(0)], in: scratch)
    try site("b", [mask(1), mask(1)], in: scratch, first: 1)
    let inspection = try inspect(scratch)
    #expect(inspection.problems.isEmpty && inspection.warnings.isEmpty, "\(inspection)")
    #expect(
      inspection.sites.map(\.maskConvention)
        == ["0 and 255, where 255 is lesion", "0 and 1, where 1 is lesion"])
    #expect(inspection.sites[1].lesionShare > 0.1)
  }

  @Test("Sites of empty masks, of two conventions and of inverted masks are problems")
  func spoiltSites() throws {
    let scratch = try Scratch()
    try site("a", [mask(0), mask(0)], in: scratch)
    try site("b", [mask(255), mask(1)], in: scratch, first: 1)
    try site("c", [mask(0, ground: 255), mask(0, ground: 255)], in: scratch, first: 2)
    let inspection = try inspect(scratch)
    #expect(has(inspection.problems, scratch.file("a/masks").path, "all 2 masks of site a are empty"))
    #expect(has(inspection.problems, "b/masks/1.png", "b/masks/0.png", "two conventions"))
    #expect(has(inspection.problems, "2 of 2 marked masks of site c", "inverted"))
    #expect(inspection.sites[1].maskConvention == nil)
  }

  @Test("A single odd mask is worth a look: inverted, full, grey, faint, or of a label that is not stated")
  func oddMasks() throws {
    let scratch = try Scratch()
    let grey = (0..<side).map { index -> UInt8 in
      (20..<140).contains(index % 160) ? UInt8(index % 160 * 255 / 160) : 0
    }
    try site(
      "a", [mask(255), mask(255), mask(255), mask(0, ground: 255), mask(255, ground: 255), grey], in: scratch)
    let warnings = try inspect(scratch).warnings
    #expect(has(warnings, "a/masks/3.png", "inverted") && has(warnings, "a/masks/4.png", "whole image"))
    #expect(has(warnings, "a/masks/5.png", "grey"))
    #expect(warnings.count == 3, "\(warnings)")
    let other = try Scratch()
    try site("a", [mask(1), mask(9)], in: other)
    try other.text("sites.json5", "{sites: [{name: 'a', labels: {lesion: 1}}]}")
    #expect(has(try inspect(other).warnings, "a/masks/1.png", "9", "not among the stated labels"))
  }

  @Test("A mask of half the size is a problem that says how to go on")
  func halfSize() throws {
    let scratch = try Scratch()
    try site("a", [mask(255)], in: scratch)
    try scratch.grey("a/masks/0.png", width: 80, [UInt8](repeating: 255, count: side / 4))
    #expect(
      has(
        try inspect(scratch).problems, scratch.file("a/masks/0.png").path, "80×64", "160×128",
        "scale the mask"))
  }
}
