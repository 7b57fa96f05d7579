import Datasets
import Foundation
import Imaging
import Torch

/// Segments the frames of a video in one pass.
///
/// One thread decodes and judges, the caller's thread segments and smooths, a third one draws and writes.
/// Queues between them are short, so memory does not depend on the length of the video.
package struct VideoSegmenter {
  private let predictor: any FramePredictor
  private let settings: VideoSettings
  private let clock: any PlaybackClock

  /// How far the work is.
  package struct Progress: Sendable {
    /// The frames that are done.
    package let frames: Int
    /// The time of the last of them, in seconds.
    package let time: Double
  }

  /// The end of the work.
  package struct Outcome {
    /// The summary.
    package let summary: VideoSummary
    /// The error that ended the work early, such as damage in the file; the frames before it are written.
    package let error: (any Error)?
  }

  /// Makes a segmenter.
  ///
  /// - Parameters:
  ///   - predictor: the model.
  ///   - settings: the choices.
  ///   - clock: paces frames in real time.
  package init(
    _ predictor: any FramePredictor, _ settings: VideoSettings, clock: any PlaybackClock = SystemClock()
  ) {
    (self.predictor, self.settings, self.clock) = (predictor, settings, clock)
  }

  /// Segments a video.
  ///
  /// - Parameters:
  ///   - source: the frames.
  ///   - outputs: where results go; they are finished at the end, also after a stop or an error of the
  ///     source.
  ///   - summary: the description of video and model, to be filled.
  ///   - known: the lines of the first frames, of an earlier call with the same model, video and settings.
  ///     These frames are only decoded and judged. The settings must not smooth, and `outputs` have no video.
  ///   - shouldStop: asked before each frame; true ends the work.
  ///   - progress: called after each frame.
  /// - Returns: the summary, and the error of the source or the model if there was one.
  /// - Throws: an error that names the file that cannot be written.
  package func callAsFunction(
    _ source: any FrameSource, to outputs: VideoOutputs, _ summary: VideoSummary,
    after known: [FrameRecord] = [], shouldStop: () -> Bool = { false },
    progress: (Progress) -> Void = { _ in }
  ) throws -> Outcome {
    let system = SystemClock()
    let start = system.now
    let feed = FrameFeed(source, settings, clock: clock)
    // A long queue would hide from the feed that writing is slow.
    let writer = ResultWriter(outputs, depth: settings.effective.queue)
    var state = VideoState(predictor.rule, settings, summary)
    let work = Result { try run(feed, writer, &state, known, shouldStop, progress) }
    feed.stop()
    try writer.finish()
    if case .failure(let error) = work { state.summary.failure = "\(error)" }
    var done = state.finished(write: writer.write, total: writer.total)
    done.seconds = ((system.now - start) * 1e3).rounded() / 1e3
    done.endedEarly = !done.interrupted && feed.endedEarly
    (done.undecodedPackets, done.stored) = (feed.undecodedPackets, source.storage)
    if settings.realtime { done.decoderLag = (max(0, feed.longestLag) * 1e3).rounded() / 1e3 }
    let failure: (any Error)? = if case .failure(let error) = work { error } else { nil }
    return Outcome(summary: done, error: failure)
  }

  private func run(
    _ feed: FrameFeed, _ writer: ResultWriter, _ state: inout VideoState, _ known: [FrameRecord],
    _ shouldStop: () -> Bool, _ progress: (Progress) -> Void
  ) throws {
    let most = settings.effective.batch
    while true {
      guard !shouldStop() else {
        state.summary.interrupted = true
        return
      }
      guard let first = try feed.next() else { return }
      var frames = [first]
      while frames.count < most, let next = feed.ready() { frames.append(next) }
      for (frame, prediction) in zip(frames, try predictions(frames, &state, after: known.count)) {
        let result =
          frame.index < known.count
          ? state.result(of: frame, known: known[frame.index]) : try state.result(of: frame, prediction)
        guard writer.add(result) else { return }
        progress(Progress(frames: state.summary.frames, time: frame.time))
      }
    }
  }

  /// Segments frames in parallel, each alone; nil for those that need no prediction.
  private func predictions(
    _ frames: [FedFrame], _ state: inout VideoState, after known: Int
  ) throws -> [(prediction: FramePrediction, seconds: Double)?] {
    let isNeeded = frames.map { state.needsPrediction($0) && $0.index >= known }
    let predictor = predictor
    let work: @Sendable (Int) throws -> (prediction: FramePrediction, seconds: Double)? = { index in
      guard isNeeded[index], let pixels = frames[index].pixels else { return nil }
      let start = SystemClock().now
      return (try predictor.prediction(ofFrame: pixels), SystemClock().now - start)
    }
    // A single frame gets all threads of the operators.
    if frames.count == 1 { return [try work(0)] }
    return try concurrentMap(count: frames.count, on: predictor.device, work)
  }
}
