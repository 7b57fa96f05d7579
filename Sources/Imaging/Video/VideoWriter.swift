import Foundation

/// Writes a video.
package final class VideoWriter {
  /// The kind of the video.
  package enum Kind: Sendable {
    /// H.264 or MPEG-4, for viewing.
    case overlay
    /// FFV1 in Matroska.
    case lossless
  }

  /// Opens a file for writing.
  package init(
    to url: URL, width: Int, height: Int, timeBase: (Int32, Int32), kind: Kind, frameRate: Double? = nil,
    threads: Int = 1
  ) throws {
    throw ImagingError.unknownFormat(file: url.path)
  }

  /// Appends a picture.
  package func append(_ image: Image, pts: Int64, duration: Int64? = nil) throws {}

  /// Ends the file and gives it its name.
  package func finish() throws {}
}
