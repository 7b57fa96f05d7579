import Foundation
import Reviewing
import Storage
import Torch
import Training

/// The part of `mcdrl review` that looks at every frame of a video.
enum ReviewVideos {
  /// Segments a video without smoothing, for its timeline.
  ///
  /// - Parameters:
  ///   - video: the video.
  ///   - shown: the name of its file for people.
  ///   - predictor: the model.
  ///   - folder: the folder of the review, which holds the lines meanwhile.
  ///   - console: receives progress.
  /// - Returns: the lines of its frames.
  /// - Throws: an error that names the file; `Interruption.video` after Ctrl-C.
  static func segment(
    _ video: InputVideo, shown: String, _ predictor: Predictor, in folder: URL, _ console: Console
  ) throws -> ReviewedVideo {
    let source = try video.open()
    var settings = VideoSettings()
    (settings.smooth, settings.keep, settings.batch) = (0, 1, Machine.threads)
    let place = folder.appendingPathComponent("videos")
    try FileManager.default.createFolder(place)
    let lines = try LineLog(place.appendingPathComponent(".frames.jsonl"))
    defer { for file in [lines.file, lines.part] { _ = file.withNativePath { unlink($0) } } }
    let outputs = VideoOutputs(lines: lines) { _, _, _ in VideoOutputs.Sinks(overlay: nil, mask: nil) }
    let bar = ProgressBar(video.name, total: max(1, source.frameCount ?? 1))
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    let outcome = try VideoSegmenter(predictor, settings)(
      source, to: outputs,
      VideoSummary(video: video.file.path, settings: settings, prediction: predictor.statement),
      shouldStop: { Interrupt.requested },
      progress: {
        if $0.frames <= source.frameCount ?? 0 { console.progress(bar, $0.frames, unit: "frames") }
      })
    console.progress("")
    if outcome.summary.interrupted { throw Interruption.reviewing(folder) }
    for note in VideoPrediction.notes(outcome.summary, video.name) { console.note(note) }
    let frames: [FrameRecord] =
      outcome.summary.frames > 0 ? try JSONLines.read(lines.file, expected: "the line of a frame") : []
    // The frames before damage can be reviewed.
    if let error = outcome.error {
      guard !frames.isEmpty else { throw error }
      console.note("\(video.name): \(error); the frames before it are in the review")
    }
    return ReviewedVideo(
      name: video.name, file: shown, width: source.width, height: source.height,
      frames: frames, duration: source.duration ?? frames.last?.time ?? 0)
  }
}
