import Foundation

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

  /// Whether the content ended before its time; true only after the last frame.
  package var endedEarly: Bool { false }

  /// Returns whether a file is a video, by its content.
  package static func isVideo(_ url: URL) -> Bool { false }
}
