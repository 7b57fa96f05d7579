import CDICOM
import Foundation
import Storage

/// A DICOM Segmentation object that is read: segments, and a mask for each frame.
///
/// It reads BINARY objects that are not compressed, or deflated. Threads must not share a file.
package final class DICOMSegmentationFile {
  /// A segment of the object.
  package struct Segment: Sendable, Equatable {
    /// The number by which frames name it.
    package let number: Int
    /// The name.
    package let label: String
    /// The code of its type, such as 68496003; empty if there is none.
    package let typeCode: String
    /// The meaning of that code.
    package let typeMeaning: String
  }

  /// A frame of the object.
  package struct Frame: Sendable, Equatable {
    /// The number of its segment.
    package let segment: Int
    /// The SOPInstanceUID of the image that it belongs to; empty if the object does not say.
    package let sourceInstance: String
    /// The frame of that image, from 1; 1 for an image of one frame.
    package let sourceFrame: Int
  }

  /// The file.
  package let url: URL
  /// The width of a mask in pixels.
  package let width: Int
  /// The height of a mask in pixels.
  package let height: Int
  /// The segments, in the order of the file.
  package let segments: [Segment]
  /// The frames, in the order of the file.
  package let frames: [Frame]
  private let handle: Handle

  private final class Handle {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { dicom_segmentation_close(pointer) }
  }

  /// Opens an object and reads everything but its masks.
  ///
  /// - Throws: `DICOMWritingError` that names the file, or `ImagingError.tooManyPixels`.
  package init(_ url: URL, limits: ImageLimits = .default) throws {
    var facts = dicom_segments_facts()
    var opened: OpaquePointer?
    try DICOMSources.call(url) { message in
      var code: Int32 = 0
      opened = url.withNativePath { dicom_segmentation_read($0, &facts, &code, message) }
      return code
    }
    guard let opened else {
      throw DICOMWritingError.failed(file: url.path, reason: "the library gave nothing")
    }
    let handle = Handle(opened)
    (self.url, self.handle, width, height) = (url, handle, Int(facts.width), Int(facts.height))
    if limits.refuse(width: width, height: height) {
      throw ImagingError.tooManyPixels(
        file: url.path, width: width, height: height, limit: limits.maximumPixels)
    }
    segments = try (0..<Int(facts.segments)).map { index in
      var segment = dicom_segment_facts()
      try DICOMSources.call(url) { dicom_segmentation_segment(handle.pointer, index, &segment, $0) }
      return Segment(
        number: Int(segment.number), label: Self.text(segment.label), typeCode: Self.text(segment.type_code),
        typeMeaning: Self.text(segment.type_meaning))
    }
    frames = try (0..<Int(facts.frames)).map { index in
      var frame = dicom_segment_frame()
      try DICOMSources.call(url) { dicom_segmentation_frame(handle.pointer, index, &frame, $0) }
      return Frame(
        segment: Int(frame.segment), sourceInstance: Self.text(frame.source_instance),
        sourceFrame: Int(frame.source_frame))
    }
  }

  /// Returns the mask of a frame, counted from 0: one channel of 0 and 255.
  ///
  /// - Throws: `DICOMWritingError` that names the file.
  package func mask(_ index: Int) throws -> Image {
    guard frames.indices.contains(index) else {
      throw DICOMWritingError.argument(file: url.path, reason: "it has no frame \(index + 1)")
    }
    let count = width * height
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      try DICOMSources.call(url) { message in
        guard let start = buffer.baseAddress else { return Int32(DICOM_WRITING_FAILED) }
        return dicom_segmentation_mask(handle.pointer, index, start, count, message)
      }
      used = count
    }
    return Image(checkedWidth: width, height: height, channels: 1, pixels: pixels)
  }

  /// Reads a text of fixed room that ends with a zero.
  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
