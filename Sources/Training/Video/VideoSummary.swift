import Datasets
import Foundation
import Imaging
import Storage

/// The content of `summary.json`.
package struct VideoSummary: Codable, Equatable, Sendable {
  /// The file of the video.
  package var video: String
  /// Width and height of the frames; nil without a frame.
  @Nullable package var width: Int?
  /// The height of the frames; nil without a frame.
  @Nullable package var height: Int?
  /// The frames that were read.
  package var frames = 0
  /// The frames that were segmented.
  package var segmented = 0
  /// The frames that were not, by reason.
  package var skipped: [String: Int] = [:]
  /// The frames that were dropped in real time; also in `skipped`.
  package var dropped = 0
  /// The longest time without a segmented frame because of dropped ones, in seconds.
  package var longestDrop = 0.0
  /// The frames with each mark.
  package var warnings: [String: Int] = [:]
  /// The time from the first to the last frame, in seconds.
  package var duration = 0.0
  /// The time of the computation, in seconds.
  package var seconds = 0.0
  /// How late the decoder was in real time, at most, in seconds; nil otherwise.
  @Nullable package var decoderLag: Double?
  /// The durations of the parts of the work for a frame, in milliseconds.
  package var latency: [String: LatencyCounts.Milliseconds] = [:]
  /// The times of cuts, in seconds.
  package var cuts: [Double] = []
  /// The times with a lesion.
  package var lesions: [LesionIntervals.Interval] = []
  /// The choices.
  package var settings: VideoSettings
  /// How predictions were computed.
  package var prediction: String
  /// Whether the user stopped the work.
  package var interrupted = false
  /// Whether the file ended before its time, such as a copy that was cut off.
  package var endedEarly = false
  /// The packets that could not be decoded; their frames are missing or damaged.
  package var undecodedPackets = 0
  /// The form in which the frames are stored in the file.
  @Nullable package var stored: VideoStorage?
  /// The error that ended the work early; nil without one.
  @Nullable package var failure: String?

  /// Makes the summary of a video without frames.
  package init(video: String, settings: VideoSettings, prediction: String) {
    (self.video, self.settings, self.prediction) = (video, settings, prediction)
    (width, height, decoderLag, failure, stored) = (nil, nil, nil, nil, nil)
  }

  /// Counts the line of a frame.
  mutating func add(_ record: FrameRecord) {
    frames += 1
    if let reason = record.skipped {
      skipped[reason.rawValue, default: 0] += 1
      if reason == .dropped { dropped += 1 }
    } else {
      segmented += 1
    }
    for warning in record.warnings { warnings[warning, default: 0] += 1 }
    if record.cut == true { cuts.append(record.time) }
  }

  enum CodingKeys: String, CodingKey {
    case video, width, height, frames, segmented, skipped, dropped, warnings, duration, seconds, cuts,
      lesions, settings, prediction, interrupted, failure, stored
    case endedEarly = "ended_early"
    case undecodedPackets = "undecoded_packets"
    case longestDrop = "longest_drop"
    case decoderLag = "decoder_lag"
    case latency = "latency_ms"
  }
}
