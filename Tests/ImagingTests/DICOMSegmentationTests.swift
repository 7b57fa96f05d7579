import Foundation
import Storage
import TestSupport
import Testing

@testable import Imaging

@Suite("DICOM segmentations", .enabled(if: DICOMFile.isBuiltIn, "built without DICOM"))
struct DICOMSegmentationTests {
  private let folder: TemporaryFolder
  private let date = Date(timeIntervalSince1970: 1_700_000_000)

  init() throws { folder = try TemporaryFolder("dicom-segmentation") }

  private func source(_ example: DICOMExample, _ name: String = "source.dcm") throws -> URL {
    let url = folder.file(name)
    try example.write(to: url)
    return url
  }

  private func options(_ names: [String] = ["polyp"], allFrames: Bool = false, nominal: Bool = false)
    -> DICOMSegmentation.Options
  {
    var algorithm = DICOMAlgorithm()
    (algorithm.fingerprint, algorithm.parameters, algorithm.date) = ("run 1", "threshold 0.5", date)
    return DICOMSegmentation.Options(
      segments: names.map { DICOMSegmentation.Segment(name: $0) }, allFrames: allFrames,
      nominalGeometry: nominal, algorithm: algorithm)
  }

  private func mask(_ example: DICOMExample, seed: UInt64, share: Double = 0.4) throws -> Image {
    var generator = SplitMix(seed: seed)
    let pixels = (0..<example.width * example.height).map { _ in
      Double.random(in: 0..<1, using: &generator) < share ? UInt8(255) : 0
    }
    return try Image(width: example.width, height: example.height, channels: 1, pixels: pixels)
  }

  private func empty(_ example: DICOMExample) throws -> Image { try mask(example, seed: 1, share: 0) }

  @Test(
    "Masks of odd sizes come back, several segments and frames",
    arguments: [(13, 9), (1, 1), (7, 3), (16, 5)])
  func roundTrip(size: (Int, Int)) throws {
    let example = DICOMExample(width: size.0, height: size.1, frames: 5, sopClass: DICOMExample.trueColour)
    let object = try DICOMSegmentation(sources: [try source(example)], options: options(["polyp", "cancer"]))
    var wanted: [(segment: Int, frame: Int, mask: Image)] = []
    for frame in [1, 2, 4, 5] {
      let masks = try (0..<2).map { try mask(example, seed: UInt64(10 * frame + $0), share: 0.5) }
      try object.append(masks, frame: frame)
      for (index, mask) in masks.enumerated() where mask.pixels.contains(255) {
        wanted.append((index + 1, frame, mask))
      }
    }
    let out = folder.file("out.dcm")
    let hasLesion = try object.write(to: out)
    #expect(hasLesion == !wanted.isEmpty)
    guard hasLesion else { return }
    let read = try WrittenMask.all(in: out)
    #expect(
      read
        == wanted.map {
          WrittenMask(
            segment: $0.segment, label: ["polyp", "cancer"][$0.segment - 1], instance: "2.25.1001.3",
            frame: $0.frame, mask: $0.mask)
        })
    let segments = try DICOMExample.read(out)[0x0062_0002]
    for code in ["68496003", "52988006"] { #expect(segments?.range(of: Data(code.utf8)) != nil) }
  }

  @Test("The header has what the standard asks for, and patient and study of the source")
  func header() throws {
    let example = DICOMExample(frames: 3, sopClass: DICOMExample.trueColour)
    let out = folder.file("out.dcm")
    try DICOMSegmentation.write(
      masks: [(3, try mask(example, seed: 3)), (1, try mask(example, seed: 1))], source: try source(example),
      options: options(), to: out)
    let found = try DICOMExample.read(out)
    let texts: [(UInt32, String)] = [
      (0x0008_0008, "DERIVED\\PRIMARY"), (0x0008_0016, "1.2.840.10008.5.1.4.1.1.66.4"),
      (0x0008_0020, "20240102"), (0x0008_0050, "ACC-0815"), (0x0008_0060, "SEG"), (0x0008_0070, "MCDRL"),
      (0x0010_0010, "Undisclosed^Patient"), (0x0010_0020, "ID-4711"), (0x0018_1020, packageVersion),
      (0x0020_000D, "2.25.1001.1"), (0x0020_0011, "1004"), (0x0020_0020, ""), (0x0028_0004, "MONOCHROME2"),
      (0x0028_0008, "2"), (0x0028_2110, "00"), (0x0062_0001, "BINARY"), (0x0062_0013, "NO"),
      (0x0070_0081, "Lesions found by the algorithm"),
    ]
    for (tag, text) in texts {
      #expect(DICOMExample.text(found, tag) == text, "\(String(tag, radix: 16))")
    }
    #expect(found[0x0028_0010] == Data([9, 0]) && found[0x0028_0011] == Data([13, 0]))
    #expect(found[0x0028_0100] == Data([1, 0]))
    // 2 frames of 117 pixels: 234 bits.
    #expect(found[0x7FE0_0010]?.count == 30)
    for tag: UInt32 in [0x0008_1115, 0x0020_9221, 0x0020_9222, 0x0062_0002, 0x5200_9229, 0x5200_9230] {
      #expect(found[tag] != nil, "\(String(tag, radix: 16))")
    }
    // The source has no frame of reference, and no one measured a spacing.
    #expect(found[0x0020_0052] == nil)
    #expect(found[0x5200_9229]?.contains(Data([0x28, 0x00, 0x10, 0x91])) == false)
  }

  @Test("A frame of reference is copied, and loss of compression carried over")
  func copied() throws {
    var example = DICOMExample()
    example.set(0x0020_0052, "UI", "2.25.4242")
    example.set(0x0028_2110, "CS", "01")
    example.set(0x0028_2112, "DS", "7.5")
    example.set(0x0028_2114, "CS", "ISO_10918_1")
    let out = folder.file("out.dcm")
    try DICOMSegmentation.write(
      masks: [(1, try mask(example, seed: 2))], source: try source(example), options: options(), to: out)
    let found = try DICOMExample.read(out)
    #expect(DICOMExample.text(found, 0x0020_0052) == "2.25.4242")
    #expect(DICOMExample.text(found, 0x0020_1040) == "")
    #expect(DICOMExample.text(found, 0x0028_2110) == "01")
    #expect(DICOMExample.text(found, 0x0028_2112) == "7.5")
    #expect(DICOMExample.text(found, 0x0028_2114) == "ISO_10918_1")
  }

  @Test("Frames without a lesion stay only if all are wanted")
  func allFrames() throws {
    let example = DICOMExample(frames: 3, sopClass: DICOMExample.trueColour)
    let file = try source(example)
    let masks = [(1, try empty(example)), (2, try mask(example, seed: 2)), (3, try empty(example))]
    let out = folder.file("out.dcm")
    #expect(try DICOMSegmentation.write(masks: masks, source: file, options: options(), to: out))
    #expect(try WrittenMask.all(in: out).map(\.frame) == [2])
    #expect(
      try DICOMSegmentation.write(masks: masks, source: file, options: options(allFrames: true), to: out))
    let read = try WrittenMask.all(in: out)
    #expect(read.map(\.frame) == [1, 2, 3])
    #expect(read.map(\.mask) == masks.map(\.1))
  }

  @Test("Without a lesion there is one frame without a pixel, which says so")
  func noLesion() throws {
    let example = DICOMExample(frames: 3, sopClass: DICOMExample.trueColour)
    let out = folder.file("out.dcm")
    #expect(
      try !DICOMSegmentation.write(
        masks: [(2, try empty(example))], source: try source(example), options: options(), to: out))
    let read = try WrittenMask.all(in: out)
    #expect(read.map(\.frame) == [1])
    #expect(try read.map(\.mask) == [empty(example)])
    #expect(DICOMExample.text(try DICOMExample.read(out), 0x0070_0081) == "No lesion found")
  }

  @Test("The same masks give the same file, others another object of the same series")
  func identity() throws {
    let example = DICOMExample()
    let file = try source(example)
    let (first, again, other) = (folder.file("a.dcm"), folder.file("b.dcm"), folder.file("c.dcm"))
    for (seed, out) in [(2, first), (2, again), (3, other)] as [(UInt64, URL)] {
      try DICOMSegmentation.write(
        masks: [(1, try mask(example, seed: seed))], source: file, options: options(), to: out)
    }
    #expect(try Data(contentsOf: first) == Data(contentsOf: again))
    let uids = try [first, other].map { url in
      let found = try DICOMExample.read(url)
      return (DICOMExample.text(found, 0x0008_0018) ?? "", DICOMExample.text(found, 0x0020_000E) ?? "")
    }
    #expect(uids[0].0 != uids[1].0 && uids[0].1 == uids[1].1)
    #expect([uids[0].0, uids[0].1].allSatisfy { $0.hasPrefix("2.25.") && $0.count <= 44 })
  }

  @Test("Single-frame images of a series become one object; others are groups of their own")
  func series() throws {
    let examples = (0..<3).map { DICOMExample(number: $0 + 1, series: 50) }
    let files = try examples.enumerated().map { try source($1, "\($0).dcm") }
    let other = try source(DICOMExample(width: 8, number: 4, series: 50), "other.dcm")
    let several = try source(
      DICOMExample(frames: 2, sopClass: DICOMExample.trueColour, number: 5, series: 50), "several.dcm")
    #expect(
      try DICOMSegmentation.groups(of: [files[0], several, files[1], other, files[2]]) == [
        [0, 2, 4], [1], [3],
      ])
    let copy = folder.file("copy.dcm")
    try FileManager.default.copyItem(at: files[0], to: copy)
    let bad = folder.file("bad.dcm")
    try Data("no DICOM".utf8).write(to: bad)
    var refused: [String] = []
    let grouped = try DICOMSegmentation.groups(of: [files[0], copy, bad, files[1]]) {
      refused.append("\($0)")
    }
    #expect(grouped == [[0, 3]] && refused.count == 2)
    #expect(refused.first?.contains("copy.dcm") == true && refused.last?.contains("bad.dcm") == true)
    let masks = try examples.indices.map { [try mask(examples[$0], seed: UInt64($0 + 5))] as [Image?] }
    let out = folder.file("out.dcm")
    try DICOMSegmentation.write(
      masks: [masks[0], [nil], masks[2]], sources: files, options: options(), to: out)
    let read = try WrittenMask.all(in: out)
    #expect(read.map(\.instance) == ["2.25.1001.3", "2.25.1003.3"])
    #expect(read.last?.mask == masks[2][0])
    for wrong in [other, files[0]] {
      #expect(throws: DICOMWritingError.self) {
        try DICOMSegmentation(sources: [files[0], wrong], options: options())
      }
    }
  }

  @Test("Values that the source lacks are empty, and none is invented")
  func bareSource() throws {
    var example = DICOMExample()
    let tags: [UInt32] = [
      0x0008_0030, 0x0008_0050, 0x0008_0090, 0x0010_0010, 0x0010_0020, 0x0010_0030, 0x0010_0040, 0x0020_0010,
    ]
    for tag in tags + [0x0020_0011, 0x0020_0013] { example.remove(tag) }
    let out = folder.file("out.dcm")
    try DICOMSegmentation.write(
      masks: [(1, try mask(example, seed: 2))], source: try source(example), options: options(), to: out)
    let found = try DICOMExample.read(out)
    for tag in tags { #expect(DICOMExample.text(found, tag) == "", "\(String(tag, radix: 16))") }
    #expect(DICOMExample.text(found, 0x0020_0011) == "1000")
  }

  @Test("Names beyond ASCII are UTF-8, and so is then the patient's")
  func letters() throws {
    var example = DICOMExample()
    example.set(0x0008_0005, "CS", "ISO_IR 100")
    example.set(0x0010_0010, "PN", [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72])
    let out = folder.file("out.dcm")
    let masks = [(1, try mask(example, seed: 2))]
    let file = try source(example)
    try DICOMSegmentation.write(masks: masks, source: file, options: options(["息肉"]), to: out)
    let found = try DICOMExample.read(out)
    #expect(DICOMExample.text(found, 0x0008_0005) == "ISO_IR 192")
    #expect(DICOMExample.text(found, 0x0010_0010) == "Müller")
    #expect(try WrittenMask.all(in: out).map(\.label) == ["息肉"])
    try DICOMSegmentation.write(masks: masks, source: file, options: options(), to: out)
    #expect(try DICOMExample.read(out)[0x0010_0010] == Data([0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72]))
  }

  @Test("Nominal geometry adds a spacing and a plane, and the overlap of segments is stated")
  func geometryAndOverlap() throws {
    let example = DICOMExample()
    let out = folder.file("out.dcm")
    let object = try DICOMSegmentation(
      sources: [try source(example)], options: options(["a", "b"], nominal: true))
    let mask = try mask(example, seed: 2)
    try object.append([mask, mask], frame: 1)
    try object.write(to: out)
    let found = try DICOMExample.read(out)
    #expect(found[0x5200_9229]?.contains(Data([0x28, 0x00, 0x10, 0x91])) == true)
    #expect(found[0x5200_9230]?.contains(Data([0x20, 0x00, 0x13, 0x91])) == true)
    #expect(DICOMExample.text(found, 0x0062_0013) == "YES")
    #expect(DICOMSegmentation.nominalGeometryWarning.contains("--nominal-geometry"))
  }
}
