import Foundation
import Testing

@testable import Imaging

@Suite("Single frames of videos")
struct VideoStillsTests {
  /// A video whose frames are as bright as their numbers.
  private final class Frames: FrameSource {
    let (width, height) = (4, 2)
    let frameRate: Double? = nil
    let duration: Double?
    let frameCount: Int? = nil
    let endedEarly = false
    let undecodedPackets = 0
    let storage: VideoStorage? = nil
    private let times: [Double]
    private var index = 0

    init(_ times: [Double], duration: Double? = nil) { (self.times, self.duration) = (times, duration) }

    func next() throws -> VideoFrame? {
      guard index < times.count else { return nil }
      defer { index += 1 }
      let pixels = [UInt8](repeating: UInt8(index), count: 8)
      let image = try Image(width: 4, height: 2, channels: 1, pixels: pixels)
      return VideoFrame(
        index: index, pts: Int64((times[index] * 10).rounded()), timeBase: (1, 10), image: image)
    }
  }

  @Test("A time gives the frame that is shown then, forwards and back")
  func times() throws {
    let stills = VideoStills(name: "v.mp4") { Frames([0.1, 0.2, 0.5, 1]) }
    for (time, number) in [(0, 0), (0.1, 0), (0.3, 1), (0.5, 2), (1.9, 3), (0.2, 1), (0, 0)] {
      #expect(try stills.frame(at: time, limits: .default).pixels[0] == UInt8(number), "\(time)")
    }
    #expect(throws: VideoStillError.pastEnd(name: "v.mp4", time: 2.1, end: 1)) {
      try stills.frame(at: 2.1, limits: .default)
    }
    #expect(throws: ImagingError.self) {
      try VideoStills(name: "v.mp4") { Frames([0]) }.frame(at: 0, limits: ImageLimits(maximumPixels: 7))
    }
    #expect(throws: VideoStillError.noFrame(name: "v.mp4")) {
      try VideoStills(name: "v.mp4") { Frames([]) }.frame(at: 0, limits: .default)
    }
  }

  @Test("Times spread over the stated length, or over that of all frames")
  func spread() throws {
    #expect(try VideoStills(name: "v") { Frames([0], duration: 10) }.spreadTimes(5) == [1, 3, 5, 7, 9])
    #expect(try VideoStills(name: "v") { Frames([0, 2, 4]) }.spreadTimes(2) == [1, 3])
  }
}
