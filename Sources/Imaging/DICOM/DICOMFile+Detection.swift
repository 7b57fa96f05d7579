import CDICOM
import Foundation

extension DICOMFile {
  /// Whether this program was built with the libraries of DICOM.
  package static var isBuiltIn: Bool { dicom_dcmtk_version() != nil }

  /// Returns whether a file is DICOM by its first bytes, whatever its name.
  ///
  /// It looks for the preamble with DICM, and else for the first element of a data set. It answers
  /// without the libraries of DICOM, too. A file that cannot be read is none.
  package static func isDICOM(_ url: URL) -> Bool {
    guard let source = try? FileBytes(url, limits: ImageLimits(maximumFileBytes: .max)) else { return false }
    return isDICOM(in: source)
  }

  /// Returns whether bytes are DICOM.
  static func isDICOM(in source: some ByteSource) -> Bool {
    if source.bytes(at: 128, count: 4) == Array("DICM".utf8) { return true }
    return isElement(in: source, .little) || isElement(in: source, .big)
  }

  /// Returns whether bytes begin with an element of group 2 or 8, and another element follows.
  private static func isElement(in source: some ByteSource, _ order: ByteOrder) -> Bool {
    guard let group = source.integer(at: 0, bytes: 2, order), group == 2 || group == 8,
      let element = source.integer(at: 2, bytes: 2, order), element <= 0x23,
      let letters = source.bytes(at: 4, count: 2)
    else { return false }
    let texts = ["AE", "CS", "DA", "LO", "SH", "TM", "UI", "UL"]
    let length: Int?
    if texts.contains(String(decoding: letters, as: UTF8.self)) {
      length = source.integer(at: 6, bytes: 2, order)
    } else if order == .little {
      length = source.integer(at: 4, bytes: 4, order)
    } else {
      return false
    }
    guard let length, length <= 256, length.isMultiple(of: 2),
      let next = source.integer(at: 8 + length, bytes: 2, order)
    else { return false }
    return next >= group && next <= 0x0010 && next.isMultiple(of: 2)
  }
}
