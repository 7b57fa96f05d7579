import Foundation

/// A stand-in with the agreed declarations; the reader itself replaces this file.
package final class VideoReader {
  package let width: Int
  package let height: Int
  package let frameRate: Double?
  package let duration: Double?
  package let frameCount: Int?

  package init(_ url: URL) throws {
    (width, height, frameRate, duration, frameCount) = (0, 0, nil, nil, nil)
    throw ImagingError.unknownFormat(file: url.path)
  }

  package init(stream: Data, name: String) throws {
    (width, height, frameRate, duration, frameCount) = (0, 0, nil, nil, nil)
    throw ImagingError.unknownFormat(file: name)
  }

  package func next() throws -> VideoFrame? { nil }

  package static func isVideo(_ url: URL) -> Bool { false }
}

/// A stand-in with the agreed declarations; the reader itself replaces this file.
package struct VideoFrame: Sendable {
  package let index: Int
  package let time: Double
  package let pts: Int64
  package let timeBase: (Int32, Int32)
  package let image: Image
  package let isDamaged: Bool
}
