import Datasets
import Foundation
import Imaging
import Metrics
import Storage
import TestSupport
import Torch

@testable import Training

/// A model whose probability is the green channel of a frame over 255.
struct GreenPredictor: FramePredictor {
  let device = Device.cpu
  let rule: MaskRule
  /// Counts the frames that were segmented.
  let asked = Tally()
  /// How long a frame takes, in seconds.
  var seconds = 0.0
  var warnings: [String] = []

  init(_ rule: MaskRule = MaskRule(0.5)) { self.rule = rule }

  func prediction(ofFrame pixels: Tensor) throws -> FramePrediction {
    asked.add()
    if seconds > 0 { Thread.sleep(forTimeInterval: seconds) }
    return FramePrediction(
      probability: try pixels.selected(dim: 0, index: 1).to(.float32) / 255, warnings: warnings)
  }
}

/// A video of the results in memory.
final class CollectedVideo: FrameSink, @unchecked Sendable {
  struct Full: Error {}

  private(set) var images: [Image] = []
  private(set) var times: [Int64] = []
  private(set) var isFinished = false
  private let room: Int

  /// Makes a video; after `room` pictures the disk is full.
  init(room: Int = .max) { self.room = room }

  func append(_ image: Image, pts: Int64, duration: Int64?) throws {
    guard images.count < room else { throw Full() }
    images.append(image)
    times.append(pts)
  }

  func finish() throws { isFinished = true }
}

/// A clock that is never late: a wait ends at once, at its time.
final class SkippingClock: PlaybackClock, @unchecked Sendable {
  private let lock = NSLock()
  private var time = 100.0
  private(set) var waits: [Double] = []

  var now: Double { lock.withLock { time } }

  func wait(until moment: Double, isCancelled: () -> Bool) {
    lock.withLock {
      waits.append(moment)
      time = max(time, moment)
    }
  }
}

/// A segmentation of made frames, with its results.
struct MadeVideo {
  let overlay: CollectedVideo
  let mask: CollectedVideo
  let folder: TemporaryFolder
  let outcome: VideoSegmenter.Outcome

  /// The lines of `frames.jsonl`.
  var lines: [FrameRecord] {
    get throws { try JSONLines.read(folder.file("frames.jsonl"), expected: "a frame") }
  }

  /// Segments frames.
  init(
    _ source: any FrameSource, _ predictor: any FramePredictor = GreenPredictor(),
    _ settings: VideoSettings = VideoSettings(), clock: any PlaybackClock = SkippingClock(),
    after known: [FrameRecord] = [], shouldStop: () -> Bool = { false },
    progress: (VideoSegmenter.Progress) -> Void = { _ in }
  ) throws {
    let (overlay, mask) = (CollectedVideo(), CollectedVideo())
    (self.overlay, self.mask) = (overlay, mask)
    folder = try TemporaryFolder("video")
    let outputs = VideoOutputs(lines: try LineLog(folder.file("frames.jsonl"))) { _, _, _ in
      VideoOutputs.Sinks(overlay: overlay, mask: mask)
    }
    outcome = try VideoSegmenter(predictor, settings, clock: clock)(
      source, to: outputs, VideoSummary(video: "a.mp4", settings: settings, prediction: "by green"),
      after: known,
      shouldStop: shouldStop, progress: progress)
  }

  /// Settings without smoothing.
  static var unsmoothed: VideoSettings {
    var settings = VideoSettings()
    settings.smooth = 0
    return settings
  }

  /// A frame of tissue whose green is one level, so that its probability is the level over 255.
  static func frame(green: Int, seed: UInt64 = 0) throws -> Image {
    var pixels = try TissueScene.plain([190, UInt8(green), 80], width: 48, height: 32).pixels
    // The first frame of a test and the next may not be equal.
    pixels[0] = UInt8(truncatingIfNeeded: 150 + seed)
    return try Image(width: 48, height: 32, channels: 3, pixels: pixels)
  }
}
