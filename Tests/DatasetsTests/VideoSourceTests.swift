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
}
