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

/// Chosen frames of a video by number, quick in about rising order; several threads may ask.
///
/// It reads on from the last frame, and keeps the chosen frames that it passes until they are asked for.
/// For an earlier frame that is not kept it opens the video again.
package final class ChosenFrames: @unchecked Sendable {
  /// The most frames that wait to be asked for.
  private static let mostKept = 16

  private let lock = NSLock()
  private let chosen: Set<Int>
  private let last: Int?
  private let open: @Sendable () throws -> any FrameSource
  private var source: (any FrameSource)?
  private var next = 0
  private var kept: [Int: Image] = [:]

  /// Makes a value; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - chosen: the numbers of the frames.
  ///   - open: opens the video.
  package init(_ chosen: [Int], open: @escaping @Sendable () throws -> any FrameSource) {
    (self.chosen, last, self.open) = (Set(chosen), chosen.max(), open)
  }

  /// Reads a frame.
  ///
  /// - Parameters:
  ///   - index: the number of the frame, from 0.
  ///   - video: the file, for messages.
  /// - Returns: the picture.
  /// - Throws: an error that names the video.
  package func image(_ index: Int, of video: URL) throws -> Image {
    lock.lock()
    defer { lock.unlock() }
    if let image = kept.removeValue(forKey: index) { return image }
    if source == nil || next > index { (source, next, kept) = (try open(), 0, [:]) }
    while let frame = try source?.next() {
      next = frame.index + 1
      // Nothing follows the last one, so the file is closed.
      if frame.index == last { source = nil }
      if frame.index == index { return frame.image }
      if chosen.contains(frame.index) { keep(frame) }
    }
    source = nil
    throw FileError.malformed(video, reason: "has no frame \(index) any more; import it again")
  }
  /// Keeps a frame that may be asked for later; an old one that nobody asked for gives way.
  private func keep(_ frame: VideoFrame) {
    kept[frame.index] = frame.image
    if kept.count > Self.mostKept, let oldest = kept.keys.min() { kept[oldest] = nil }
  }
}
