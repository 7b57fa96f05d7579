import CVideo
import Foundation
import Storage

/// Writes a video frame by frame, each at the time that it is given.
///
/// The file is written beside its place and takes it in `finish()`. Until then the old file stays,
/// and without `finish()` the new one disappears. One thread at a time may use a writer.
package final class VideoWriter {
  /// The kind of a video.
  package enum Kind: Sendable {
    /// H.264 in MP4, for people; MPEG-4 where FFmpeg has no encoder for H.264.
    ///
    /// Odd sides are padded by one pixel, a copy of the last one.
    case overlay
    /// FFV1 in Matroska: grey masks, bit for bit.
    ///
    /// Matroska counts time in milliseconds, so times are rounded to these.
    case lossless
  }

  /// The encoder: `libx264`, `mpeg4` or `ffv1`.
  package let encoder: String

  private let kind: Kind
  private let width: Int
  private let height: Int
  private let file: PendingFile
  private var handle: OpaquePointer?

  /// Begins a video.
  ///
  /// - Parameters:
  ///   - url: the file: `.mp4` for an overlay, `.mkv` for masks.
  ///   - width: the width of the frames.
  ///   - height: the height of the frames.
  ///   - timeBase: the unit of timestamps in seconds, numerator and denominator: that of the reader.
  ///   - kind: overlay or lossless masks.
  ///   - frameRate: frames a second, if known; times come from `append`.
  ///   - threads: the threads that encode.
  /// - Throws: `FileError` that names the file, or `VideoError`.
  package init(
    to url: URL, width: Int, height: Int, timeBase: (Int32, Int32), kind: Kind, frameRate: Double? = nil,
    threads: Int = 1
  ) throws {
    guard VideoLibrary.version != nil else { throw VideoError.builtWithout(file: url.path) }
    let target = video_target(
      kind: Int32(kind == .overlay ? VIDEO_OVERLAY : VIDEO_LOSSLESS), width: Int32(clamping: width),
      height: Int32(clamping: height), time_base_num: timeBase.0, time_base_den: timeBase.1,
      frame_rate: frameRate ?? 0, threads: Int32(min(max(threads, 1), 64)), without_h264: 0)
    let file = try PendingFile(for: url)
    var opened: OpaquePointer?
    var name = [CChar](repeating: 0, count: 32)
    let (result, reason) = VideoDoor.call { message in
      name.withUnsafeMutableBufferPointer { name in
        guard let room = name.baseAddress else { return Int32(VIDEO_SYSTEM) }
        return video_create(file.handle.fileDescriptor, target, &opened, room, message)
      }
    }
    guard result == VIDEO_OK, let opened else { throw Self.failure(result, reason, url) }
    self.kind = kind
    self.width = width
    self.height = height
    self.file = file
    handle = opened
    encoder = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { video_discard(handle) }

  /// Adds a frame.
  ///
  /// - Parameters:
  ///   - image: the picture; a mask has one channel, an overlay may have one or three.
  ///   - pts: the timestamp in units of the time base, after that of the frame before. If the first
  ///     one is negative, all move so that it becomes 0.
  ///   - duration: the duration in the same unit; only that of the last frame counts.
  /// - Throws: `VideoError.wrongFrame`, or `FileError` that names the file, such as for a full disk.
  package func append(_ image: Image, pts: Int64, duration: Int64? = nil) throws {
    guard let handle else { throw wrong("the video is finished") }
    guard image.width == width, image.height == height else {
      throw wrong("\(image.width) × \(image.height) pixels, not \(width) × \(height)")
    }
    guard kind == .overlay || image.channels == 1 else {
      throw wrong("a mask has one channel, this picture 3")
    }
    let pixels = kind == .overlay ? image.rgb.pixels : image.pixels
    let (result, reason) = VideoDoor.call { message in
      pixels.withUnsafeBufferPointer { pixels in
        guard let start = pixels.baseAddress else { return Int32(VIDEO_UNSUPPORTED) }
        return video_append(handle, start, pixels.count, pts, duration ?? 0, message)
      }
    }
    guard result == VIDEO_OK else {
      throw result == VIDEO_UNSUPPORTED ? wrong(reason) : Self.failure(result, reason, file.url)
    }
  }

  /// Writes the last frames, flushes the file to disk and gives it its name.
  ///
  /// - Throws: `VideoError`, or `FileError` that names the file. The old file is then untouched.
  package func finish() throws {
    guard let handle else { return }
    defer { discard() }
    let (result, reason) = VideoDoor.call { video_finish(handle, $0) }
    guard result == VIDEO_OK else { throw Self.failure(result, reason, file.url) }
    do {
      try file.commit()
    } catch let error as CocoaError {
      throw FileError.cannotWrite(file.url, reason: FileError.reason(of: error))
    }
  }

  /// Ends the video without a file.
  package func discard() {
    video_discard(handle)
    handle = nil
    file.discard()
  }

  private func wrong(_ reason: String) -> VideoError { .wrongFrame(file: file.url.path, reason: reason) }

  private static func failure(_ result: Int, _ reason: String, _ url: URL) -> any Error {
    switch result {
    case VIDEO_ABSENT: VideoError.builtWithout(file: url.path)
    case VIDEO_SYSTEM: FileError.cannotWrite(url, reason: reason)
    default: VideoError.notEncoded(file: url.path, reason: reason)
    }
  }
}
