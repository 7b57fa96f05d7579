import Foundation
import Imaging
import Storage
import Training

/// The part of `predict` that segments videos.
enum VideoPrediction {
  /// The names of the files in the folder of a video.
  enum FileName {
    static let lines = "frames.jsonl"
    static let summary = "summary.json"
    static let overlay = "overlay.mp4"
    static let mask = "mask.mkv"
  }

  /// Segments a video and writes its results into `OUT/NAME/`.
  ///
  /// The first Ctrl-C finishes the files with the frames so far.
  ///
  /// - Parameters:
  ///   - file: the video, for messages and `summary.json`.
  ///   - name: the name of the folder; nil for the stem of the file.
  ///   - open: opens the video; nil reads the file.
  ///   - predictor: the model.
  ///   - options: the options for videos.
  ///   - out: the folder of the results, which the caller has locked.
  ///   - console: receives progress and notes.
  /// - Returns: the content of `summary.json`.
  /// - Throws: an error that names the file; `Interruption.video` after Ctrl-C.
  static func run(
    _ file: URL, named name: String? = nil, opening open: (() throws -> any FrameSource)? = nil,
    _ predictor: Predictor, _ options: Arguments<VideoOptions>, to out: URL, _ console: Console
  ) throws -> VideoSummary {
    let name = name ?? file.deletingPathExtension().lastPathComponent
    let (settings, tracks) = (try options.settings, try options.tracks)
    let source = try open?() ?? VideoReader(file)
    let folder = out.appendingPathComponent(name)
    try FileManager.default.createFolder(folder)
    // It is written last, so a folder with it is complete; that of an earlier call is not of this one.
    let summaryFile = folder.appendingPathComponent(FileName.summary)
    if FileManager.default.fileExists(atPath: summaryFile.path) {
      try FileManager.default.removeItem(at: summaryFile)
    }
    let lines = try LineLog(folder.appendingPathComponent(FileName.lines))
    let outputs = VideoOutputs(lines: lines) { width, height, timeBase in
      func writer(_ track: VideoTrack, _ name: String, _ kind: VideoWriter.Kind) throws -> VideoWriter? {
        guard tracks.contains(track), !tracks.contains(.none) else { return nil }
        return try VideoWriter(
          to: folder.appendingPathComponent(name), width: width, height: height, timeBase: timeBase,
          kind: kind)
      }
      return VideoOutputs.Sinks(
        overlay: try writer(.overlay, FileName.overlay, .overlay),
        mask: try writer(.mask, FileName.mask, .lossless))
    }
    let progress = VideoProgress(name, source, console)
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    let summary = VideoSummary(video: file.path, settings: settings, prediction: predictor.statement)
    let outcome = try VideoSegmenter(predictor, settings)(
      source, to: outputs, summary, shouldStop: { Interrupt.requested }, progress: progress.show)
    console.progress("")
    try AtomicFile.write(json: outcome.summary, to: summaryFile)
    if let error = outcome.error {
      console.note(
        "\(name): the results of the first \(counted(outcome.summary.frames, "frame")) are in \(folder.path)")
      throw error
    }
    if outcome.summary.interrupted { throw Interruption.video(folder, frames: outcome.summary.frames) }
    for note in notes(outcome.summary, name) { console.note(note) }
    return outcome.summary
  }

  /// Describes the result of a video in a line.
  static func text(_ summary: VideoSummary, name: String) -> String {
    let latency = summary.latency["total"].map { ", \($0.p50.short) ms a frame (p95 \($0.p95.short))" } ?? ""
    let skipped = summary.skipped.filter { $0.value > 0 }.sorted { $0.key < $1.key }
      .map { ", \($0.value) \($0.key)" }.joined()
    return "\(name): \(summary.segmented) of \(counted(summary.frames, "frame")) segmented\(skipped), "
      + "\(counted(summary.lesions.count, "interval")) with a lesion\(latency)"
  }

  /// Returns what a user has to know of a video.
  static func notes(_ summary: VideoSummary, _ name: String) -> [String] {
    var notes: [String] = []
    if summary.frames == 0 { notes.append("warning: \(name): the video holds no frame") }
    if summary.endedEarly { notes.append("warning: \(name): the file ends before its time; copy it again") }
    if summary.undecodedPackets > 0 {
      notes.append(
        "warning: \(name): \(counted(summary.undecodedPackets, "packet")) could not be decoded, so frames are "
          + "missing or damaged; copy the file again")
    }
    if summary.stored?.isHighDynamicRange == true {
      notes.append(
        "warning: \(name): the video is of high dynamic range and not tone mapped; its frames look flatter "
          + "than those of training")
    }
    if summary.settings.realtime {
      notes.append(
        "\(name): \(counted(summary.dropped, "frame")) dropped to keep to the timestamps, at most "
          + "\(format(summary.longestDrop, 2)) s in a row; frames.jsonl names each")
      if let lag = summary.decoderLag, lag > 1 {
        notes.append(
          "warning: \(name): decoding is slower than the video, up to \(format(lag, 1)) s late")
      }
    }
    let marked = summary.warnings.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    if !marked.isEmpty {
      notes.append("note: \(name): marked frames: \(marked.joined(separator: ", ")); frames.jsonl names each")
    }
    return notes
  }
}

/// The progress line of a video.
private struct VideoProgress {
  private let console: Console
  private let label: String
  private let total: Int?
  private let bar: ProgressBar

  init(_ name: String, _ source: any FrameSource, _ console: Console) {
    (self.console, label) = (console, name)
    let stated = source.frameCount.flatMap { $0 > 0 ? $0 : nil }
    let seconds = source.duration.flatMap { seconds in source.frameRate.map { seconds * $0 } } ?? 0
    total = stated ?? (seconds >= 1 && seconds < 1e9 ? Int(seconds) : nil)
    bar = ProgressBar(name, total: total ?? 1)
  }

  func show(_ done: VideoSegmenter.Progress) {
    if let total {
      // The number in the file is only a statement.
      guard done.frames <= total else { return }
      console.progress(bar, done.frames, unit: "frames")
    } else {
      console.progress("\(label): \(counted(done.frames, "frame")), \(duration(done.time)) of the video")
    }
  }
}
