import Foundation
import Imaging
import Training

/// A video of the user.
struct InputVideo: Sendable {
  /// The name of the results.
  let name: String
  /// The file.
  let file: URL
  /// Whether the video is inside a DICOM file.
  let isDICOM: Bool
  /// The largest frame.
  let limits: ImageLimits

  /// Opens the video at its beginning.
  ///
  /// - Throws: an error that names the file, or the package that is missing.
  func open() throws -> any FrameSource {
    isDICOM ? try VideoReader(inDICOM: file, limits: limits) : try VideoReader(file, limits: limits)
  }

  /// Makes inputs from frames of the video.
  ///
  /// A video that cannot be read is an input whose reading fails, so that it does not stop the others.
  ///
  /// - Parameters:
  ///   - times: the times in seconds; empty for times that are evenly spread.
  ///   - count: the number of these.
  /// - Returns: the frames, which are decoded when they are read, in the order of their times.
  func stills(at times: [Double], or count: Int) -> [PredictionInput] {
    let stills = VideoStills(name: file.path) { try open() }
    do {
      let chosen = times.isEmpty ? try stills.spreadTimes(count) : Array(Set(times)).sorted()
      return chosen.map { time in
        PredictionInput(
          frameOf: file, name: name + String(format: "-%08.3fs", time), time: time, isDICOM: isDICOM
        ) { try stills.frame(at: time, limits: $0) }
      }
    } catch {
      return [PredictionInput(frameOf: file, name: name, isDICOM: isDICOM) { _ in throw error }]
    }
  }
}
