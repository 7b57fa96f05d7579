import Foundation

@testable import Imaging

/// The videos of Fixtures/video, which Fixtures/make_videos.py made.
enum VideoFixtures {
  static let names = ["interlaced.mkv", "raw.h264", "steady.mp4", "turned.mp4", "variable.mkv", "wide.mp4"]

  static func url(_ name: String) -> URL { Fixtures.folder.appending(path: "video/\(name)") }

  static func data(_ name: String) throws -> Data { try Data(contentsOf: url(name)) }

  static func frames(_ reader: VideoReader) throws -> [VideoFrame] {
    var frames = [VideoFrame]()
    while let frame = try reader.next() { frames.append(frame) }
    return frames
  }

  static func frames(_ name: String) throws -> [VideoFrame] { try frames(VideoReader(url(name))) }

  /// The colour in the middle of a quarter of a picture.
  static func colour(_ image: Image, right: Bool, bottom: Bool) -> [Int] {
    let x = image.width / 4 * (right ? 3 : 1)
    let y = image.height / 4 * (bottom ? 3 : 1)
    let start = (y * image.width + x) * image.channels
    return image.pixels[start..<start + image.channels].map { Int($0) }
  }

  /// The names of the colours of the quarters: top left, top right, bottom left, bottom right.
  static func quarters(_ image: Image) -> [String] {
    [(false, false), (true, false), (false, true), (true, true)].map { right, bottom in
      switch colour(image, right: right, bottom: bottom).map({ $0 > 128 }) {
      case [true, false, false]: "red"
      case [false, true, false]: "green"
      case [false, false, true]: "blue"
      case [true, true, true]: "white"
      default: "other"
      }
    }
  }

  /// The number of a frame of the grey videos, told by its brightness: luma 40 + 3 n of limited range.
  static func number(_ image: Image) -> Int {
    let grey = Double(colour(image, right: false, bottom: false)[0])
    return Int(((grey * 219 / 255 + 16 - 40) / 3).rounded())
  }
}
