import Datasets
import Foundation
import Imaging
import Torch

/// A frame on its way to the network.
struct FedFrame: Sendable {
  let index: Int
  let time: Double
  let pts: Int64
  let duration: Int64?
  let timeBase: (Int32, Int32)
  var judgement: FrameJudgement
  /// The picture; nil for a dropped frame.
  var image: Image?
  /// The same, uint8 3×H×W; nil for a frame that is not segmented.
  var pixels: Tensor?
  /// The time to decode the frame, in seconds.
  let decodeSeconds: Double
  /// The time to judge the frame, in seconds.
  let judgeSeconds: Double
  /// The system's time when the frame was ready.
  let arrived: Double

  var isDropped: Bool { judgement.skipped == .dropped }

  /// Returns the frame without its picture, as dropped; a cut stays known.
  func dropped() -> FedFrame {
    var frame = self
    (frame.image, frame.pixels) = (nil, nil)
    frame.judgement = FrameJudgement(skipped: .dropped, isCut: judgement.isCut)
    return frame
  }
}

/// Decodes and judges the frames of a source on a thread of its own, a few ahead of the network.
///
/// In real time a frame is ready at its timestamp, counted from the first frame, and a frame that still
/// waits then is dropped. If the system refuses the thread, the consumer's thread does the work, and
/// nothing is dropped.
final class FrameFeed: @unchecked Sendable {
  private let source: any FrameSource
  private let queue: FrameQueue<FedFrame>
  private let pace: (any PlaybackClock)?
  private let system = SystemClock()
  private let ended = DispatchSemaphore(value: 0)
  private var isThreaded = false
  // Only the thread that makes frames uses these.
  private var judge = FrameJudge()
  private var origin: (wall: Double, time: Double)?
  private var lag = 0.0

  /// Starts to decode.
  ///
  /// - Parameters:
  ///   - source: the frames; nobody else may use it from now on.
  ///   - settings: the length of the queue, and whether frames are paced.
  ///   - clock: the clock that paces.
  ///   - start: starts a thread; returns false if it cannot.
  init(
    _ source: any FrameSource, _ settings: VideoSettings, clock: any PlaybackClock,
    start: (@escaping @Sendable () -> Void) -> Bool = Machine.startThread
  ) {
    self.source = source
    pace = settings.realtime ? clock : nil
    queue = FrameQueue(
      capacity: settings.effective.queue, stub: settings.realtime ? { $0.dropped() } : nil)
    isThreaded = true
    let isStarted = start { [self] in
      queue.finish(Result { while let frame = try make(), queue.put(frame) {} })
      ended.signal()
    }
    if !isStarted { isThreaded = false }
  }

  /// How late the latest frame was ready, in seconds; read it after the end.
  var longestLag: Double { lag }
  /// Whether the content of the source ended before its time; read it after the end.
  var endedEarly: Bool { source.endedEarly }
  /// The number of packets of the source that could not be decoded; read it after the end.
  var undecodedPackets: Int { source.undecodedPackets }

  /// Returns the next frame; nil after the last.
  ///
  /// - Throws: the error of the source.
  func next() throws -> FedFrame? {
    isThreaded ? try queue.take() : queue.isCancelled ? nil : try make()
  }

  /// Returns the next frame if it is there already.
  func ready() -> FedFrame? { isThreaded ? queue.takeReady() : nil }

  /// Stops and waits until the source is free.
  func stop() {
    queue.cancel()
    if isThreaded {
      ended.wait()
      ended.signal()
    }
  }

  /// Decodes and judges a frame, and in real time waits for its moment.
  private func make() throws -> FedFrame? {
    let start = system.now
    guard let frame = try source.next() else { return nil }
    let decoded = system.now
    let pixels = try frame.image.rgb.tensor
    let judgement = try judge.judge(frame, pixels)
    let judged = system.now
    waitForMoment(of: frame)
    let isNeeded = judgement.skipped == nil || judgement.skipped == .repeated
    return FedFrame(
      index: frame.index, time: frame.time, pts: frame.pts, duration: frame.duration,
      timeBase: frame.timeBase, judgement: judgement, image: frame.image, pixels: isNeeded ? pixels : nil,
      decodeSeconds: decoded - start, judgeSeconds: judged - decoded, arrived: system.now)
  }

  private func waitForMoment(of frame: VideoFrame) {
    guard let pace else { return }
    guard let origin else {
      origin = (pace.now, frame.time)
      return
    }
    let moment = origin.wall + frame.time - origin.time
    lag = max(lag, pace.now - moment)
    pace.wait(until: moment) { queue.isCancelled }
  }
}
