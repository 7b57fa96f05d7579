import CDICOM
import Foundation
import Storage

/// A DICOM file with pixels: one frame, several, or a video.
///
/// It is opened by content, with or without a preamble and an ending. Frames have 8 bits, grey or
/// RGB, as `dcmj2pnm -O` shows them: modality transformation and palette, no window, no overlays.
/// Baseline JPEG goes through the decoder of JPEG files, so that a frame has the pixels of the `.jpg`
/// in it. Pixels stay in the file until a frame is asked for: the memory is that of one frame, except
/// for a deflated data set, which is in memory whole.
///
/// Threads may share a file; its frames are read one after another. Several files are independent.
package final class DICOMFile: @unchecked Sendable {
  /// The file.
  package let url: URL
  /// The number of frames; for a video, as the data set says.
  package let frameCount: Int
  /// The width of a frame in pixels.
  package let width: Int
  /// The height of a frame in pixels.
  package let height: Int
  /// The kind of object.
  package let kind: DICOMKind
  /// Whether the object holds a video: MPEG-2, H.264 or H.265.
  package let isVideo: Bool
  /// Whether the object is an overlay that `mcdrl predict` drew, by what it says of its maker.
  package let isOverlay: Bool
  /// The UIDs of the series and the object.
  ///
  /// They identify a study: hash them before they go anywhere.
  package let (seriesUID, instanceUID): (String, String)
  /// The patient as 12 hexadecimal digits of a salted SHA-256; nil if the file names none.
  ///
  /// The identifier is hashed in UTF-8, so that its character set does not matter. The hash keeps
  /// images of a patient together. It is a pseudonym: who knows the identifiers can compute it.
  package let patientGroup: String?

  /// The most frames of a file; at 30 a second, they are an hour.
  private static let mostFrames: UInt32 = 108_000

  private let isEncapsulated: Bool
  private let samples: Int
  private let limits: ImageLimits
  private let lock = NSLock()
  let handle: OpaquePointer

  /// Opens a file and reads everything but its pixels.
  ///
  /// `limits.maximumPixels` bounds a frame. `limits.maximumFileBytes` bounds a deflated data set and
  /// a video; other files may be larger, because they are read frame by frame.
  ///
  /// - Throws: `DICOMError` or `ImagingError`, which name the file and the fix.
  package init(_ url: URL, limits: ImageLimits = .default) throws {
    // This opens the file, so that a missing one is an error of its own.
    guard try Self.isDICOM(in: FileBytes(url, limits: ImageLimits(maximumFileBytes: .max))) else {
      throw DICOMError.notDICOM(file: url.path)
    }
    var facts = dicom_facts()
    var opened: OpaquePointer?
    let (code, reason) = Self.withMessage { message in
      url.withNativePath {
        dicom_open(
          $0, UInt64(max(0, limits.maximumPixels)), UInt64(max(0, limits.maximumFileBytes)), &opened, &facts,
          message)
      }
    }
    let kind = DICOMKind(sopClass: Self.text(facts.sop_class))
    guard code == DICOM_OK, let opened else {
      throw Self.error(code, reason, file: url.path, facts: facts, kind: kind, limits: limits)
    }
    guard Int(facts.storage) == DICOM_VIDEO || facts.frames <= Self.mostFrames else {
      dicom_close(opened)
      throw DICOMError.tooManyFrames(file: url.path, count: Int(facts.frames), most: Int(Self.mostFrames))
    }
    let patient = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
      buffer.withMemoryRebound(to: CChar.self) { room in
        count = room.baseAddress.map { dicom_patient(opened, $0, room.count) } ?? 0
      }
    }
    patientGroup = patient.isEmpty ? nil : Self.group(of: patient)
    (self.url, self.kind, self.limits, handle) = (url, kind, limits, opened)
    (width, height, frameCount) = (Int(facts.columns), Int(facts.rows), Int(facts.frames))
    samples = Int(facts.samples)
    isVideo = Int(facts.storage) == DICOM_VIDEO
    isEncapsulated = Int(facts.storage) == DICOM_ENCAPSULATED
    isOverlay = facts.is_own != 0 && kind == .secondaryCapture
    (seriesUID, instanceUID) = (Self.text(facts.series), Self.text(facts.sop_instance))
  }

  deinit { dicom_close(handle) }

  /// Reads a frame; the index counts from 0.
  ///
  /// - Returns: an image of `width` × `height`, grey or RGB.
  /// - Throws: `DICOMError`.
  package func frame(_ index: Int) throws -> Image {
    guard (0..<frameCount).contains(index) else {
      throw DICOMError.noSuchFrame(file: url.path, index: index, count: frameCount)
    }
    guard !isVideo else { throw DICOMError.video(file: url.path) }
    if isEncapsulated, let jpeg = try jpeg(of: index) { return try decode(jpeg, frame: index) }
    return try image(frame: index) { dicom_frame(handle, UInt32(index), &$0, &$1, $2) }
  }

  /// Reads the video: all fragments joined, which may be MPEG-TS, MP4 or a bare stream.
  ///
  /// - Throws: `DICOMError`; also if it is larger than `limits.maximumFileBytes`.
  package func videoStream() throws -> Data {
    guard isVideo else { throw DICOMError.notAVideo(file: url.path) }
    var (bytes, size): (UnsafeMutablePointer<UInt8>?, Int) = (nil, 0)
    try call { dicom_stream(handle, UInt64(max(0, limits.maximumFileBytes)), &bytes, &size, $0) }
    guard let bytes else { return Data() }
    return Data(bytesNoCopy: bytes, count: size, deallocator: .free)
  }

  /// A JPEG of 8 bits that holds a frame; nil if the frame is none.
  private func jpeg(of index: Int) throws -> [UInt8]? {
    var (bytes, size, kind): (UnsafeMutablePointer<UInt8>?, Int, Int32) = (nil, 0, 0)
    try call(frame: index) { dicom_jpeg(handle, UInt32(index), &bytes, &size, &kind, $0) }
    defer { dicom_free(bytes) }
    guard kind != 0, let bytes else { return nil }
    var content = Array(UnsafeBufferPointer(start: bytes, count: size))
    // Where the bitstream does not state its colours, the data set does: a marker of Adobe hands it on.
    if kind > 1 {
      content.insert(
        contentsOf: [0xFF, 0xEE, 0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, kind == 2 ? 1 : 0], at: 2
      )
    }
    return content
  }

  private func decode(_ jpeg: [UInt8], frame index: Int) throws -> Image {
    let stored: Image
    do {
      stored = try Codec(file: url.path, format: .jpeg, content: jpeg).decode(limits: limits).picture()
    } catch ImagingError.damaged(_, _, let reason) {
      throw DICOMError.damaged(file: url.path, reason: named(reason, index))
    } catch ImagingError.unsupported(_, _, let reason) {
      throw DICOMError.unsupported(file: url.path, reason: named(reason, index))
    }
    guard stored.width == width, stored.height == height, stored.channels == samples else {
      throw DICOMError.damaged(
        file: url.path, reason: named("the JPEG in it has another size than the data set says", index))
    }
    guard stored.channels == 1 else { return stored }
    return try image(frame: index) { out, channels, message in
      stored.pixels.withUnsafeBufferPointer { pixels in
        guard let base = pixels.baseAddress else { return Int32(DICOM_DAMAGED) }
        return dicom_show(handle, base, pixels.count, &out, &channels, message)
      }
    }
  }

  /// Makes an image from samples that the door hands out.
  private func image(
    frame index: Int,
    _ body: (inout UnsafeMutablePointer<UInt8>?, inout UInt32, UnsafeMutablePointer<CChar>) -> Int32
  ) throws -> Image {
    var (samples, channels): (UnsafeMutablePointer<UInt8>?, UInt32) = (nil, 0)
    try call(frame: index) { body(&samples, &channels, $0) }
    defer { dicom_free(samples) }
    let pixels = Array(UnsafeBufferPointer(start: samples, count: width * height * Int(channels)))
    return try Image(width: width, height: height, channels: Int(channels), pixels: pixels)
  }

  /// Calls the door, one thread at a time.
  func call(frame index: Int? = nil, _ body: (UnsafeMutablePointer<CChar>) -> Int32) throws {
    let (code, reason) = lock.withLock { Self.withMessage(body) }
    guard code != DICOM_OK else { return }
    let full = index.map { named(reason, $0) } ?? reason
    throw code == DICOM_UNSUPPORTED
      ? DICOMError.unsupported(file: url.path, reason: full)
      : DICOMError.damaged(file: url.path, reason: full)
  }

  private func named(_ reason: String, _ index: Int) -> String {
    frameCount == 1 ? reason : "frame \(index + 1): \(reason)"
  }
}

extension DICOMFile {
  /// Returns the group of a patient's identifier in UTF-8.
  static func group(of identifier: [UInt8]) -> String {
    String(SHA256.text(Array("mcdrl patient group 1\n".utf8) + identifier).prefix(12))
  }

  static func withMessage(_ body: (UnsafeMutablePointer<CChar>) -> Int32) -> (Int, String) {
    var message = [CChar](repeating: 0, count: Int(DICOM_MESSAGE_LENGTH))
    let code = message.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map(body) ?? Int32(DICOM_DAMAGED)
    }
    let bytes = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    return (Int(code), String(decoding: bytes, as: UTF8.self))
  }

  /// Returns the text of an array of characters of C.
  static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  fileprivate static func error(
    _ code: Int, _ reason: String, file: String, facts: dicom_facts, kind: DICOMKind, limits: ImageLimits
  ) -> any Error {
    switch code {
    case DICOM_WITHOUT: DICOMError.withoutLibraries(file: file)
    case DICOM_NO_PIXELS: DICOMError.noPixels(file: file, kind: kind.name)
    case DICOM_UNSUPPORTED: DICOMError.unsupported(file: file, reason: reason)
    case DICOM_TOO_LARGE:
      ImagingError.tooManyPixels(
        file: file, width: Int(facts.columns), height: Int(facts.rows), limit: limits.maximumPixels)
    default: DICOMError.damaged(file: file, reason: reason)
    }
  }
}
