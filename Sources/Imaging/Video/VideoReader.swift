import CVideo
import Foundation
import Storage

/// Reads a video from its first frame to its last, in one pass and in bounded memory.
///
/// It reads MP4, MOV, MKV, AVI, MPEG and other containers with any codec that the installed FFmpeg
/// decodes, and raw H.264, H.265 and MPEG-2. The content decides, not the name. Frames are upright,
/// have square pixels and 8 bits. Colours follow the stream's matrix and range. Of a file that is cut
/// off, or damaged in the middle, it gives the frames that can be decoded. One thread at a time may
/// use a reader.
package final class VideoReader {
  /// The number of frames that the container states; the true number may differ.
  package let frameCount: Int?
  /// The duration in seconds, as the container states it.
  package let duration: Double?
  /// Frames a second, as the stream states it; a mean if the rate varies.
  package let frameRate: Double?
  /// The width of the upright frames in square pixels.
  package let width: Int
  /// The height of the upright frames in square pixels.
  package let height: Int
  /// The unit of timestamps in seconds: numerator and denominator.
  package let timeBase: (Int32, Int32)
  /// 1 for grey, 3 for RGB.
  package let channels: Int
  /// The form in which the stream is stored; never nil.
  package let storage: VideoStorage?

  private let file: String
  private let limits: ImageLimits
  private let source: Source
  private let handle: OpaquePointer

  /// The bytes that FFmpeg reads; they live as long as the reader.
  private enum Source {
    case file(FileBytes)
    case memory(VideoBytes)
  }

  /// Opens a file and decodes its first frame.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - threads: the threads that decode. Frames are the same in the same order for any number.
  ///   - limits: the largest frame; the size of the file has no limit.
  /// - Throws: `VideoError`, or `ImagingError` for a file that is missing, empty or unreadable.
  package convenience init(_ url: URL, threads: Int = 1, limits: ImageLimits = .default) throws {
    let unlimited = ImageLimits(maximumPixels: limits.maximumPixels, maximumFileBytes: .max)
    let bytes = try FileBytes(url, limits: unlimited)
    try self.init(.file(bytes), file: url.path, threads: threads, limits: limits)
  }

  /// Opens a video in memory, such as the payload of a DICOM object, and decodes its first frame.
  ///
  /// - Parameters:
  ///   - stream: the content, which is copied once.
  ///   - name: the name for messages.
  ///   - threads: the threads that decode.
  ///   - limits: the largest frame.
  /// - Throws: `VideoError`.
  package convenience init(
    stream: Data, name: String, threads: Int = 1, limits: ImageLimits = .default
  ) throws {
    try self.init(.memory(VideoBytes(stream)), file: name, threads: threads, limits: limits)
  }

  private init(_ source: Source, file: String, threads: Int, limits: ImageLimits) throws {
    let options = video_options(
      maximum_pixels: Int64(clamping: limits.maximumPixels), threads: Int32(min(max(threads, 1), 64)))
    var found = video_properties()
    var opened: OpaquePointer?
    let (result, reason) = VideoDoor.call { message in
      switch source {
      case .file(let bytes):
        video_open(bytes.descriptor, nil, bytes.count, options, &opened, &found, message)
      case .memory(let bytes):
        video_open(-1, bytes.start, bytes.count, options, &opened, &found, message)
      }
    }
    guard result == VIDEO_OK, let opened else {
      if result == VIDEO_TOO_LARGE {
        throw VideoError.tooManyPixels(
          file: file, width: Int(found.width), height: Int(found.height), limit: limits.maximumPixels)
      }
      throw Self.failure(result, reason, file: file)
    }
    self.source = source
    self.file = file
    self.limits = limits
    handle = opened
    width = Int(found.width)
    height = Int(found.height)
    channels = Int(found.channels)
    timeBase = (found.time_base_num, found.time_base_den)
    frameCount = found.frame_count > 0 ? Int(found.frame_count) : nil
    duration = found.duration >= 0 ? found.duration : nil
    frameRate = found.frame_rate > 0 ? found.frame_rate : nil
    storage = VideoStorage(found)
  }

  deinit { video_close(handle) }

  /// Returns whether the content of a file begins as a video does; also without FFmpeg.
  ///
  /// A file that cannot be read is none.
  package static func isVideo(_ url: URL) -> Bool {
    guard let file = try? FileBytes(url, limits: ImageLimits(maximumFileBytes: .max)) else { return false }
    return isVideo(file.bytes(at: 0, count: min(file.count, VideoSignature.length)) ?? [])
  }

  /// Returns whether these bytes begin as a video does.
  package static func isVideo(_ content: some Collection<UInt8>) -> Bool {
    VideoSignature.matches(Array(content.prefix(VideoSignature.length)))
  }

  /// Decodes the next frame; nil after the last one.
  ///
  /// - Throws: `VideoError`.
  package func next() throws -> VideoFrame? {
    guard let info = try advance() else { return nil }
    return VideoFrame(info, image: try image())
  }

  /// Decodes the next frame without its picture, which costs less; nil after the last one.
  ///
  /// - Throws: `VideoError`.
  package func advance() throws -> VideoFrameInfo? {
    var frame = video_frame()
    let (result, reason) = VideoDoor.call { video_next(handle, &frame, $0) }
    if result == VIDEO_END { return nil }
    guard result == VIDEO_OK else { throw Self.failure(result, reason, file: file) }
    return VideoFrameInfo(
      index: Int(frame.index), pts: frame.pts, duration: frame.duration > 0 ? frame.duration : nil,
      timeBase: timeBase, isDamaged: frame.is_damaged != 0, isInterlaced: frame.is_interlaced != 0,
      isTimeEstimated: frame.is_estimated != 0, isResized: frame.is_resized != 0)
  }

  /// Returns the picture of the frame that `advance()` decoded last.
  ///
  /// - Throws: `VideoError`, also before the first frame and after the last one.
  package func image() throws -> Image {
    let count = width * height * channels
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      guard let start = buffer.baseAddress else { return }
      let (result, reason) = VideoDoor.call { video_pixels(handle, start, count, $0) }
      guard result == VIDEO_OK else { throw Self.failure(result, reason, file: file) }
      used = count
    }
    return try Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// Whether the content ended before its time; true only after the last frame.
  package var endedEarly: Bool {
    var packets: Int64 = 0
    return video_ended_early(handle, &packets) != 0
  }

  /// The number of packets so far that could not be decoded; their frames are missing or damaged.
  package var undecodedPackets: Int {
    var packets: Int64 = 0
    _ = video_ended_early(handle, &packets)
    return Int(packets)
  }

  private static func failure(_ result: Int, _ reason: String, file: String) -> VideoError {
    switch result {
    case VIDEO_ABSENT: .builtWithout(file: file)
    case VIDEO_NO_VIDEO: .notAVideo(file: file, reason: reason)
    case VIDEO_UNSUPPORTED: .unsupported(file: file, reason: reason)
    case VIDEO_ENCRYPTED: .encrypted(file: file, reason: reason)
    case VIDEO_SYSTEM: .unreadable(file: file, reason: reason)
    default: .damaged(file: file, reason: reason)
    }
  }
}

/// Bytes that do not move.
private final class VideoBytes {
  let start: UnsafeMutablePointer<UInt8>
  let count: Int

  init(_ content: Data) {
    count = content.count
    start = .allocate(capacity: max(1, count))
    content.copyBytes(to: start, count: count)
  }

  deinit { start.deallocate() }
}
