import Storage

/// A video that cannot be read or written.
///
/// A file that is missing, empty or a folder gives an `ImagingError`, and a full disk a `FileError`.
package enum VideoError: Error, Equatable, CustomStringConvertible {
  /// The program was built without FFmpeg.
  case builtWithout(file: String)
  /// The content is no video.
  case notAVideo(file: String, reason: String)
  /// The container, codec or colours are of a kind that is not read.
  case unsupported(file: String, reason: String)
  /// The video is encrypted.
  case encrypted(file: String, reason: String)
  /// The content is cut short or corrupt, so that no frame can be read.
  case damaged(file: String, reason: String)
  /// A frame has more pixels than the limits allow.
  case tooManyPixels(file: String, width: Int, height: Int, limit: Int)
  /// The system failed while the video was read.
  case unreadable(file: String, reason: String)
  /// The video cannot be encoded.
  case notEncoded(file: String, reason: String)
  /// A frame does not fit the video that is written.
  case wrongFrame(file: String, reason: String)

  /// One line that names the file, the error and the fix.
  package var description: String {
    switch self {
    case .builtWithout(let file):
      "\(shown(file)): a video, and this program was built without FFmpeg; \(VideoLibrary.installation)"
    case .notAVideo(let file, let reason):
      "\(shown(file)): not a video that is read: \(reason); give an MP4, MOV, MKV, AVI or MPEG file"
    case .unsupported(let file, let reason):
      "\(shown(file)): a kind of video that is not read: \(reason); convert it to H.264 in MP4"
    case .encrypted(let file, let reason): "\(shown(file)): \(reason); export it without encryption"
    case .damaged(let file, let reason):
      "\(shown(file)): damaged video: \(reason); copy it again from its source (an MP4 or MOV file without its "
        + "end often lacks the index, and FFmpeg decodes nothing without it)"
    case .tooManyPixels(let file, let width, let height, let limit):
      "\(shown(file)): frames of \(width) × \(height) pixels, more than the limit of \(limit) pixels; if you "
        + "trust it, raise ImageLimits.maximumPixels"
    case .unreadable(let file, let reason):
      "\(shown(file)): cannot be read: \(reason); check the disk and the free memory"
    case .notEncoded(let file, let reason):
      "\(shown(file)): the video cannot be encoded: \(reason); check its size, and that FFmpeg has an encoder for "
        + "H.264 or MPEG-4 and for FFV1"
    case .wrongFrame(let file, let reason):
      "\(shown(file)): a frame that does not fit: \(reason); give frames of one size, at times that grow"
    }
  }

  private func shown(_ file: String) -> String { NativePath.shown(file) }
}
