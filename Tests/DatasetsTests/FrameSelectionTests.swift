import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("Frames that are taken from a video")
struct FrameSelectionTests {
  private static func source(_ count: Int, rate: Double = 25) throws -> MadeFrames {
    let pictures = try (0..<count).map { try TissueScene.picture(UInt64($0), width: 24, height: 16) }
    return MadeFrames(times: pictures.indices.map { Double($0) / rate }) { pictures[$0] }
  }

  @Test("One frame each interval, from the first")
  func interval() throws {
    let found = try FrameSelection(Self.source(60), every: 0.4, difference: nil)
    #expect(found.taken == [0, 10, 20, 30, 40, 50])
    #expect(found.frames == 60)
    #expect(try FrameSelection(Self.source(60), every: nil, difference: nil).taken == [0, 25, 50])
    // The interval is no multiple of the distance of frames, and places do not drift.
    #expect(
      try FrameSelection(Self.source(60), every: 0.1, difference: nil).taken.prefix(5) == [0, 3, 5, 8, 10])
  }

  @Test("A variable rate counts by timestamps")
  func variable() throws {
    let times = [0, 0.1, 0.2, 1.5, 1.6, 3.0, 3.1]
    let pictures = try times.indices.map { try TissueScene.picture(UInt64($0), width: 24, height: 16) }
    let found = try FrameSelection(MadeFrames(times: times) { pictures[$0] }, every: 1, difference: nil)
    #expect(found.taken == [0, 3, 5])
  }

  @Test("By difference a frame is taken where the picture has changed since the last one taken")
  func difference() throws {
    let pictures = try (0..<20).map { index in
      try TissueScene.picture(
        UInt64(index), colour: index < 8 ? [190, 90, 80] : [150, 120, 110], width: 24, height: 16)
    }
    #expect(try FrameSelection(MadeFrames(pictures), every: nil, difference: 0.08).taken == [0, 8])
    #expect(try FrameSelection(MadeFrames(pictures), every: 0.6, difference: 0.08).taken == [0, 15])
  }

  @Test("Black, repeated and damaged frames are not taken, and the next one is")
  func bad() throws {
    let (first, second) = (try TissueScene.picture(1), try TissueScene.picture(2))
    let black = try TissueScene.plain([0, 0, 0])
    let pictures = [black, first, first, first, second, second]
    let source = MadeFrames(times: [0, 1, 2, 3, 4, 5], damaged: [4]) { pictures[$0] }
    #expect(try FrameSelection(source, every: 1, difference: nil).taken == [1])
  }

  @Test("Frames come by number, in about rising order from one pass")
  func chosen() throws {
    let opened = Tally()
    let frames = ChosenFrames([2, 4, 5, 9]) {
      opened.add()
      return try Self.source(12)
    }
    let url = URL(fileURLWithPath: "/videos/a.mp4")
    for index in [2, 5, 4, 9] {
      let expected = try TissueScene.picture(UInt64(index), width: 24, height: 16)
      #expect(try frames.image(index, of: url) == expected)
    }
    #expect(opened.value == 1)
    _ = try frames.image(4, of: url)
    #expect(opened.value == 2)
    #expect(message { _ = try frames.image(99, of: url) }.contains("/videos/a.mp4: has no frame 99"))
  }
}
