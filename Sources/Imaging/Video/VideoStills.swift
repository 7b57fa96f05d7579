import Foundation

/// Reads single frames of a video by their times.
///
/// It decodes forwards and holds two frames. A time before that of the last call begins the video
/// again, so ask for times in their order. Several threads may share it.
package final class VideoStills: @unchecked Sendable {
  private let name: String
  private let open: () throws -> any FrameSource
  private let lock = NSLock()
  private var reader: (any FrameSource)?
  private var current: VideoFrame?
  private var following: VideoFrame?

  /// Makes a reader that opens nothing yet.
  ///
  /// - Parameters:
  ///   - name: the name of the video in messages.
  ///   - open: opens the video at its beginning.
  package init(name: String, open: @escaping () throws -> any FrameSource) {
    (self.name, self.open) = (name, open)
  }

  /// Finds the length of the video: as it is stated, or else by decoding all of it.
  ///
  /// - Returns: the length in seconds.
  /// - Throws: an error that names the video.
  package func duration() throws -> Double {
    let reader = try open()
    if let stated = reader.duration, stated > 0 { return stated }
    var last = 0.0
    while let frame = try reader.next() { last = frame.time }
    return last
  }

  /// Finds times that are evenly spread over the video: the middles of equal parts.
  ///
  /// - Parameter count: the number of times.
  /// - Returns: the times in seconds.
  /// - Throws: an error that names the video.
  package func spreadTimes(_ count: Int) throws -> [Double] {
    let duration = try duration()
    return (0..<count).map { (Double($0) + 0.5) / Double(count) * duration }
  }

  /// Reads the frame that the video shows at a time.
  ///
  /// - Parameters:
  ///   - time: the time in seconds; before the first frame it is the first.
  ///   - limits: the limits above which a frame is rejected.
  /// - Returns: the frame.
  /// - Throws: `VideoStillError.pastEnd` if the video ends more than a second before, or an error that
  ///   names the video.
  package func frame(at time: Double, limits: ImageLimits) throws -> Image {
    try lock.withLock {
      if reader == nil || current.map({ $0.time > time }) ?? false {
        let opened = try open()
        if limits.refuse(width: opened.width, height: opened.height) {
          throw ImagingError.tooManyPixels(
            file: name, width: opened.width, height: opened.height, limit: limits.maximumPixels)
        }
        reader = opened
        current = try opened.next()
        following = try opened.next()
      }
      while let next = following, next.time <= time {
        current = next
        following = try reader?.next()
      }
      guard let shown = current else { throw VideoStillError.noFrame(name: name) }
      guard following != nil || time <= shown.time + 1 else {
        throw VideoStillError.pastEnd(name: name, time: time, end: shown.time)
      }
      return shown.image
    }
  }
}

/// A frame of a video that does not exist.
package enum VideoStillError: Error, Equatable, CustomStringConvertible {
  /// The video has no frame.
  case noFrame(name: String)
  /// The video ends before the time.
  case pastEnd(name: String, time: Double, end: Double)

  /// One line that names the video and the fix.
  package var description: String {
    switch self {
    case .noFrame(let name): "\(name): the video has no frame that can be decoded; copy it again"
    case .pastEnd(let name, let time, let end):
      "\(name): no frame at \(time) s; the last one is at \(end) s, so give earlier times"
    }
  }
}
