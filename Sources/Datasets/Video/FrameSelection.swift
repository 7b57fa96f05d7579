import Foundation
import Imaging
import Storage

/// The frames of a video that are taken.
///
/// A frame is taken if enough seconds have passed since the last one, and its layout differs enough from
/// that one: the mean difference between 16×16 parts of the picture.
package struct FrameSelection {
  /// The interval where neither interval nor difference is stated, in seconds.
  package static let interval = 1.0

  /// The numbers of the frames that are taken.
  package private(set) var taken: [Int] = []
  /// The number of all frames.
  package private(set) var frames = 0

  /// Reads a video and chooses its frames.
  ///
  /// - Parameters:
  ///   - source: the video, from its start; afterwards it is at its end.
  ///   - every: the least number of seconds between frames.
  ///   - difference: the least difference between frames, from 0 to 1.
  /// - Throws: an error that names the video.
  package init(_ source: any FrameSource, every: Double?, difference: Double?) throws {
    let every = every ?? (difference == nil ? Self.interval : 0)
    var judge = FrameJudge()
    var last: (time: Double, measures: FrameMeasures)?
    // Frames are due at multiples of the interval, so that a skipped one does not move those after it.
    var due = -Double.infinity
    while let frame = try source.next() {
      frames += 1
      let found = try judge.judge(frame, frame.image.rgb.tensor)
      guard let measures = found.measures, !frame.isDamaged else { continue }
      guard let before = last else {
        take(frame, measures, &last)
        due = frame.time + every
        continue
      }
      // Timestamps are rounded to the time base.
      guard frame.time >= due - 1e-6 else { continue }
      if let difference, measures.layoutDistance(to: before.measures) < difference { continue }
      take(frame, measures, &last)
      due = every > 0 ? due + every * ((frame.time - due) / every + 1e-6).rounded(.down) + every : frame.time
    }
  }

  private mutating func take(
    _ frame: VideoFrame, _ measures: FrameMeasures, _ last: inout (time: Double, measures: FrameMeasures)?
  ) {
    taken.append(frame.index)
    last = (frame.time, measures)
  }
}

/// Frames of a video by number, quick in rising order.
///
/// It reads on from the last frame. For an earlier one it opens the video again.
package final class SequentialFrames {
  private let open: () throws -> any FrameSource
  private var source: (any FrameSource)?
  private var last: VideoFrame?
  private let final: Int?

  /// Makes a value; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - final: the last frame that is needed, after which the video is closed.
  ///   - open: opens the video.
  package init(until final: Int? = nil, open: @escaping () throws -> any FrameSource) {
    (self.final, self.open) = (final, open)
  }

  /// Reads a frame.
  ///
  /// - Parameters:
  ///   - index: the number of the frame, from 0.
  ///   - video: the file, for messages.
  /// - Returns: the picture.
  /// - Throws: an error that names the video.
  package func image(_ index: Int, of video: URL) throws -> Image {
    if let last, last.index == index { return last.image }
    if source == nil || (last?.index ?? -1) > index { (source, last) = (try open(), nil) }
    while let frame = try source?.next() {
      last = frame
      guard frame.index == index else { continue }
      if index == final { (source, last) = (nil, nil) }
      return frame.image
    }
    (source, last) = (nil, nil)
    throw FileError.malformed(video, reason: "has no frame \(index) any more; import it again")
  }
}
