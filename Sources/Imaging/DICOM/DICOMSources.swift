import CDICOM
import Foundation
import Storage

/// The images that a DICOM object is made from, and the object while it is made.
final class DICOMSources {
  let files: [URL]
  let handle: OpaquePointer
  private(set) var facts: [dicom_source_facts] = []

  /// Reads the headers of images of one series.
  ///
  /// - Throws: `DICOMWritingError`.
  init(_ files: [URL]) throws {
    self.files = files
    guard let handle = dicom_derived_open() else {
      throw DICOMWritingError.withoutLibraries(file: files.first?.path ?? "")
    }
    self.handle = handle
    for (index, file) in files.enumerated() {
      try call(file) { message in
        file.withNativePath { dicom_derived_add_source(handle, $0, message) }
      }
      var found = dicom_source_facts()
      try call(file) { dicom_derived_source(handle, index, &found, $0) }
      facts.append(found)
    }
    guard !files.isEmpty else {
      throw DICOMWritingError.argument(file: "", reason: "there is no source; give the DICOM images")
    }
  }

  deinit { dicom_derived_close(handle) }

  /// Sets what the header says of the algorithm.
  ///
  /// - Throws: `DICOMWritingError`.
  func set(_ algorithm: DICOMAlgorithm, series: String) throws {
    let stamps = algorithm.stamps()
    let texts = [
      (DICOM_FIELD_FINGERPRINT, algorithm.fingerprint), (DICOM_FIELD_ALGORITHM, algorithm.name),
      (DICOM_FIELD_VERSION, algorithm.version), (DICOM_FIELD_PARAMETERS, algorithm.parameters),
      (DICOM_FIELD_SERIES, algorithm.seriesDescription ?? "\(algorithm.name): \(series)"),
      (DICOM_FIELD_DATE, stamps.date), (DICOM_FIELD_TIME, stamps.time),
      (DICOM_FIELD_REGION_CODE, algorithm.region?.code ?? ""),
      (DICOM_FIELD_REGION_MEANING, algorithm.region?.meaning ?? ""),
    ]
    for (field, text) in texts {
      try call(files[0]) { dicom_derived_set(handle, Int32(field), text, $0) }
    }
  }

  /// Texts of the last source: one is the same for images of the same series, size and kind, the other
  /// for copies of the same image.
  func identity() throws -> (group: String, instance: String) {
    var group = [CChar](repeating: 0, count: 33)
    var instance = group
    try call(files[files.count - 1]) { dicom_derived_group(handle, &group, &instance, $0) }
    func text(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return (text(group), text(instance))
  }

  /// Checks that a picture has the size of a source.
  ///
  /// - Throws: `DICOMWritingError.argument`.
  func check(_ picture: Image, channels: Int, source: Int, frame: Int) throws {
    let (width, height) = (Int(facts[source].width), Int(facts[source].height))
    guard picture.width == width, picture.height == height, picture.channels == channels else {
      throw DICOMWritingError.argument(
        file: files[source].path,
        reason: "a picture of \(picture.width) × \(picture.height) pixels and \(picture.channels) channel(s) "
          + "for frame \(frame), which needs \(width) × \(height) and \(channels)")
    }
  }

  /// The number of a frame or source in C.
  ///
  /// - Throws: `DICOMWritingError.argument` if it is out of range.
  func number(_ frame: Int, source: Int) throws -> UInt32 {
    guard files.indices.contains(source), let number = UInt32(exactly: frame) else {
      throw DICOMWritingError.argument(
        file: files[0].path, reason: "there is no frame \(frame) of source \(source + 1)")
    }
    return number
  }

  /// Calls the door; a failure becomes an error that names the file.
  func call(_ file: URL, _ body: (UnsafeMutablePointer<CChar>) -> Int32) throws {
    var message = [CChar](repeating: 0, count: Int(DICOM_WRITING_MESSAGE))
    let code = message.withUnsafeMutableBufferPointer { room in
      room.baseAddress.map(body) ?? Int32(DICOM_WRITING_FAILED)
    }
    guard Int(code) != DICOM_WRITING_OK else { return }
    let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    switch Int(code) {
    case DICOM_WRITING_WITHOUT: throw DICOMWritingError.withoutLibraries(file: file.path)
    case DICOM_WRITING_SOURCE: throw DICOMWritingError.source(file: file.path, reason: reason)
    case DICOM_WRITING_ARGUMENT: throw DICOMWritingError.argument(file: file.path, reason: reason)
    case DICOM_WRITING_LIMIT: throw DICOMWritingError.tooLarge(file: file.path, reason: reason)
    default: throw DICOMWritingError.failed(file: file.path, reason: reason)
    }
  }
}
