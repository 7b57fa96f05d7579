import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite("Videos as a source of images")
struct VideoSourceTests {
  private func options(every: Double? = nil, difference: Double? = nil) -> ImportOptions {
    var options = ImportOptions()
    (options.every, options.difference) = (every, difference)
    return options
  }

  @Test("Options out of range are named before a file is opened")
  func wrongOptions() throws {
    let missing = URL(fileURLWithPath: "/no/such.mp4")
    #expect(
      message { _ = try VideoSource.listing(missing, options: options(every: 0)) }.hasPrefix("--every: "))
    #expect(
      message { _ = try VideoSource.listing(missing, options: options(difference: 1.5)) }
        .hasPrefix("--difference: "))
  }

  @Test("A folder without a video says so, and is not claimed")
  func none() throws {
    let folder = try TemporaryFolder("videos")
    try Data("notes".utf8).write(to: folder.file("notes.txt"))
    #expect(!VideoSource.recognises(folder.url))
    #expect(message { _ = try VideoSource.listing(folder.url, options: options()) }.contains("no video"))
  }

  @Test(
    "Frames of a video have its name and number, its group, and no mask",
    .enabled(if: VideoLibrary.version != nil, "built without FFmpeg"))
  func frames() throws {
    let fixture = Project.file("Tests/ImagingTests/Fixtures/video/variable.mkv")
    #expect(VideoSource.recognises(fixture))
    let listing = try VideoSource.listing(fixture, options: options(every: 0.5))
    #expect(listing.items.count >= 3)
    #expect(listing.items.allSatisfy { $0.stem.hasPrefix("variable-0000") && $0.group == "variable" })
    #expect(listing.items.allSatisfy { if case .missing = $0.mask { true } else { false } })
    for item in listing.items {
      guard case .frame(_, _, let read) = item.image else {
        Issue.record("\(item.stem) is no frame")
        continue
      }
      #expect(try read().width == VideoReader(fixture).width)
    }
  }

  @Test(
    "A video that cannot be read is left out, and the others stay",
    .enabled(if: VideoLibrary.version != nil, "built without FFmpeg"))
  func damaged() throws {
    let folder = try TemporaryFolder("videos")
    let fixtures = Project.file("Tests/ImagingTests/Fixtures")
    let video = fixtures.appendingPathComponent("video/variable.mkv")
    try FileManager.default.copyItem(at: video, to: folder.file("good.mkv"))
    try Data(contentsOf: video).prefix(200).write(to: folder.file("cut.mkv"))
    try FileManager.default.copyItem(
      at: fixtures.appendingPathComponent("dicom/rgb.dcm"), to: folder.file("still"))
    let listing = try VideoSource.listing(folder.url, options: options(every: 0.5))
    #expect(!listing.items.isEmpty && listing.items.allSatisfy { $0.group == "good" })
    #expect(Set(listing.leftOut.map(\.file)) == ["cut.mkv", "still"])
    #expect(listing.leftOut.map(\.reason).allSatisfy { !$0.isEmpty && !$0.contains(folder.url.path) })
  }

  @Test(
    "A video in a DICOM file has the name of its hash and the group of its patient",
    .enabled(if: VideoLibrary.version != nil && DICOMFile.isBuiltIn, "built without FFmpeg or DICOM"))
  func dicom() throws {
    let folder = try TemporaryFolder("videos")
    let fixtures = Project.file("Tests/ImagingTests/Fixtures")
    // The head of the fixture, whose fragments are no video, with a true one.
    let whole = try Data(contentsOf: fixtures.appendingPathComponent("dicom/video.dcm"))
    var stream = try Data(contentsOf: fixtures.appendingPathComponent("video/steady.mp4"))
    if stream.count % 2 != 0 { stream.append(0) }
    let pixels = Data([0xE0, 0x7F, 0x10, 0, 0x4F, 0x42, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
    let start = try #require(whole.range(of: pixels)).upperBound
    let item = Data([0xFE, 0xFF, 0, 0xE0])
    let length = withUnsafeBytes(of: UInt32(stream.count).littleEndian) { Data($0) }
    let end = Data([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0])
    try (whole[..<start] + item + Data(count: 4) + item + length + stream + end)
      .write(to: folder.file("Name^Of a Patient"))
    let listing = try VideoSource.listing(folder.url, options: options(every: 0.2))
    let group = try DICOMFile(folder.file("Name^Of a Patient")).patientGroup
    #expect(!listing.items.isEmpty && listing.leftOut.isEmpty)
    #expect(listing.items.allSatisfy { $0.stem.hasPrefix("dicom-") && $0.group == group })
  }
}
