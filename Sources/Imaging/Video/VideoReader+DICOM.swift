import Foundation

extension VideoReader {
  /// Opens the video in a DICOM file, and decodes its first frame.
  ///
  /// The stream is in memory whole.
  ///
  /// - Parameters:
  ///   - file: the DICOM file.
  ///   - limits: the largest frame, and the largest stream.
  /// - Throws: `DICOMError` or `VideoError`, which name the file.
  package convenience init(inDICOM file: URL, limits: ImageLimits = .default) throws {
    let stream = try DICOMFile(file, limits: limits).videoStream()
    try self.init(stream: stream, name: file.path, limits: limits)
  }
}
