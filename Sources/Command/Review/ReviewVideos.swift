import Foundation
import Reviewing
import Storage
import Torch
import Training

/// The part of `mcdrl review` that looks at every frame of a video.
///
/// The caller watches for Ctrl-C.
struct ReviewVideos {
  let predictor: Predictor
  let review: ReviewFolder
  /// The hash of the model.
  let model: String
  let hashes: InputHashes
  let console: Console

  /// Segments a video without smoothing, for its timeline.
  ///
  /// Frames that an earlier call segmented are taken over.
  ///
  /// - Parameters:
  ///   - video: the video.
  ///   - id: its ID in the review, whose folder holds the lines of its frames.
  ///   - shown: the name of its file for people.
  /// - Returns: the lines of its frames.
  /// - Throws: an error that names the file; `Interruption.reviewing` after Ctrl-C.
  func segment(_ video: InputVideo, id: String, shown: String) throws -> ReviewedVideo {
    let source = try video.open()
    func reviewed(_ frames: [FrameRecord]) -> ReviewedVideo {
      ReviewedVideo(
        name: video.name, file: shown, width: source.width, height: source.height, frames: frames,
        duration: source.duration ?? frames.last?.time ?? 0)
    }
    let origin = ReviewOrigin(model: model, input: try hashes.hash(of: PredictionInput(video.file)))
    let files = try ReviewFrames(in: review, id: id, of: origin)
    if let frames = files.all {
      console.note("\(video.name): all frames are kept of an earlier call")
      return reviewed(frames)
    }
    let (lines, known) = try files.begin()
    if !known.isEmpty {
      console.note("\(video.name): \(counted(known.count, "frame")) kept of an earlier call")
    }
    var settings = VideoSettings()
    (settings.smooth, settings.keep, settings.batch) = (0, 1, Machine.threads)
    let outputs = VideoOutputs(lines: lines) { _, _, _ in VideoOutputs.Sinks(overlay: nil, mask: nil) }
    let bar = ProgressBar(video.name, total: max(1, source.frameCount ?? 1))
    let outcome = try VideoSegmenter(predictor, settings)(
      source, to: outputs,
      VideoSummary(video: video.file.path, settings: settings, prediction: predictor.statement), after: known,
      shouldStop: { Interrupt.requested },
      progress: {
        if $0.frames <= source.frameCount ?? 0 { console.progress(bar, $0.frames, unit: "frames") }
      })
    console.progress("")
    let frames = try files.end(isWhole: outcome.error == nil && !outcome.summary.interrupted)
    if outcome.summary.interrupted { throw Interruption.reviewing(review.url) }
    for note in VideoPrediction.notes(outcome.summary, video.name) { console.note(note) }
    // The frames before damage can be reviewed.
    if let error = outcome.error {
      guard !frames.isEmpty else { throw error }
      console.note("\(video.name): \(error); the frames before it are in the review")
    }
    return reviewed(frames)
  }
}
