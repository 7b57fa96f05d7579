import Foundation

/// The choices for the segmentation of a video.
package struct VideoSettings: Codable, Equatable, Sendable {
  /// The time constant of the smoothing in seconds; 0 turns smoothing and hysteresis off.
  package var smooth = 0.1
  /// A lesion pixel stays one down to this share of the threshold, from 0 to 1; 1 for no hysteresis.
  package var keep = 0.8
  /// Whether frames are paced by their timestamps and dropped rather than late.
  package var realtime = false
  /// The most frames that are segmented in parallel, each alone.
  package var batch = 1
  /// The most decoded frames that wait for the network.
  package var queue = 4

  /// The defaults.
  package init() {}

  /// The settings that a video is segmented with: in real time one frame at once, and one that waits.
  var effective: VideoSettings {
    var settings = self
    settings.batch = realtime ? 1 : max(1, batch)
    settings.queue = realtime ? 1 : max(settings.batch, queue, 1)
    return settings
  }
}
