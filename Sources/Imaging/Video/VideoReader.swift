import Foundation

/// A frame of a video.
package struct VideoFrame: Sendable {
  /// The number of the frame, from 0.
  package let index: Int
  /// The stream's own timestamp in seconds.
  package let time: Double
  /// The stream's own timestamp in units of the time base.
  package let pts: Int64
  /// The unit of `pts` in seconds, as a fraction.
  package let timeBase: (Int32, Int32)
  /// The picture, upright and with square pixels.
  package let image: Image
  /// Whether the decoder reports damage.
  package let isDamaged: Bool

  /// Makes a frame from its parts.
  package init(
    index: Int, time: Double, pts: Int64, timeBase: (Int32, Int32), image: Image, isDamaged: Bool
  ) {
    (self.index, self.time, self.pts, self.timeBase) = (index, time, pts, timeBase)
    (self.image, self.isDamaged) = (image, isDamaged)
  }
}

/// Reads a video in one pass.
package final class VideoReader {
  /// The width of the frames.
  package let width: Int
  /// The height of the frames.
  package let height: Int
  /// The frames a second, if the file states it.
  package let frameRate: Double?
  /// The length in seconds, if the file states it.
  package let duration: Double?
  /// The number of frames, if the file states it.
  package let frameCount: Int?

  /// Opens a video.
  package init(_ url: URL) throws { throw ImagingError.unknownFormat(file: url.path) }

  /// Opens a video in memory.
  package init(stream: Data, name: String) throws { throw ImagingError.unknownFormat(file: name) }

  /// Returns the next frame, or nil after the last.
  package func next() throws -> VideoFrame? { nil }

  /// Returns whether a file is a video, by its content.
  package static func isVideo(_ url: URL) -> Bool { false }
}
