import CDICOM

/// The place of a mask: the segment that it shows, and the frame that it belongs to.
package struct DICOMSegment: Sendable, Equatable {
  /// The number of the segment in the object, from 1.
  package let number: Int
  /// The label of the segment, as in the object; "lesion" where it has none.
  package let label: String
  /// The UID of the image.
  package let instanceUID: String
  /// The frame of the image, from 0.
  package let frame: Int
}

extension DICOMFile {
  /// Returns the segment and the source image of a frame of a binary segmentation.
  ///
  /// `frame(_:)` gives its mask: grey, 255 inside.
  ///
  /// - Throws: `DICOMError` if the object is no binary segmentation or the frame names no image.
  package func segment(of index: Int) throws -> DICOMSegment {
    guard (0..<frameCount).contains(index) else {
      throw DICOMError.noSuchFrame(file: url.path, index: index, count: frameCount)
    }
    var found = dicom_segment()
    try call(frame: index) { dicom_segment_of(handle, UInt32(index), &found, $0) }
    let label = Self.text(found.label)
    return DICOMSegment(
      number: Int(found.segment), label: label.isEmpty ? "lesion" : label,
      instanceUID: Self.text(found.instance), frame: Int(found.frame))
  }
}
