import Foundation

/// A source of video frames in order, such as a file.
///
/// Tests use frames that they make.
package protocol FrameSource: AnyObject {
  /// The width of the frames.
  var width: Int { get }
  /// The height of the frames.
  var height: Int { get }
  /// The frames a second, if the source states it.
  var frameRate: Double? { get }
  /// The length in seconds, if the source states it.
  var duration: Double? { get }
  /// The number of frames, if the source states it.
  var frameCount: Int? { get }
  /// Whether the content ended before its time; asked after the last frame.
  var endedEarly: Bool { get }
  /// The number of packets so far that could not be decoded; their frames are missing or damaged.
  var undecodedPackets: Int { get }
  /// The form in which the frames are stored, if the source is a file.
  var storage: VideoStorage? { get }

  /// Returns the next frame, or nil after the last; all have the size of the source.
  ///
  /// - Throws: an error that names the source.
  func next() throws -> VideoFrame?
}

extension VideoReader: FrameSource {}

/// A destination of pictures with timestamps, such as a video file.
package protocol FrameSink: AnyObject {
  /// Appends a picture.
  ///
  /// - Parameters:
  ///   - image: the picture, of the size of the video.
  ///   - pts: the timestamp in units of the video's time base.
  ///   - duration: the duration in the same unit; only that of the last picture counts.
  /// - Throws: an error that names the destination.
  func append(_ image: Image, pts: Int64, duration: Int64?) throws

  /// Ends the video; only then the destination has its name.
  ///
  /// - Throws: an error that names the destination.
  func finish() throws
}

extension VideoWriter: FrameSink {}

extension Image {
  /// Whether another picture has the same size and the same samples.
  package func hasSameSamples(as other: Image) -> Bool {
    guard width == other.width, height == other.height, channels == other.channels else { return false }
    return pixels.withUnsafeBytes { own in
      other.pixels.withUnsafeBytes { theirs in own.elementsAreEqual(to: theirs) }
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func elementsAreEqual(to other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let first = baseAddress, let second = other.baseAddress else {
      return count == other.count
    }
    return memcmp(first, second, count) == 0
  }
}
