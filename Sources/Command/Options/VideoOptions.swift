import Torch
import Training

/// The options of `predict` for videos.
struct VideoOptions: OptionGroup {
  let smooth = Option.value(
    "smooth", "SECONDS", .notNegative, default: VideoSettings().smooth,
    "videos: time constant of the smoothing from earlier frames; 0 turns it off, for metrics")
  let keep = Option.value(
    "keep", "SHARE", .probability, default: VideoSettings().keep,
    "videos: a lesion pixel stays one down to this share of the threshold; 1 turns it off")
  let realtime = Option.flag(
    "realtime", "videos: keep to the timestamps, and drop frames rather than fall behind")
  let tracks = Option.commas(
    "tracks", "NAME", .choice(of: VideoTrack.self), default: [.overlay, .mask],
    "videos: what to write beside frames.jsonl and summary.json: overlay, mask, or none")
}

/// A video of the results.
enum VideoTrack: String, CaseIterable {
  case overlay, mask, none
}

extension Arguments<VideoOptions> {
  /// Checks that none stands alone.
  ///
  /// - Throws: `UsageError` that names the option.
  func requireTracks() throws {
    let tracks = try self.tracks
    guard tracks.contains(.none), tracks.count > 1 else { return }
    throw UsageError.rejected(
      option: "tracks", text: nil, reason: "none is no track; give none alone, or the tracks to write")
  }

  /// The settings that the options state.
  var settings: VideoSettings {
    get throws {
      var settings = VideoSettings()
      settings.smooth = try self.smooth
      settings.keep = try self.keep
      settings.realtime = try self.realtime
      settings.batch = Machine.threads
      return settings
    }
  }
}
