import Foundation

/// A stand-in with the agreed declarations; the reader itself replaces this file.
package final class DICOMFile: @unchecked Sendable {
  package let frameCount: Int
  package let width: Int
  package let height: Int
  package let isVideo: Bool

  package init(_ url: URL, limits: ImageLimits = .default) throws {
    (frameCount, width, height, isVideo) = (0, 0, 0, false)
    throw ImagingError.unknownFormat(file: url.path)
  }

  package static func isDICOM(_ url: URL) -> Bool { false }

  package func frame(_ index: Int) throws -> Image {
    throw ImagingError.invalidImage(reason: "no reader of DICOM files")
  }

  package var patientGroup: String? { nil }

  package func videoStream() throws -> Data {
    throw ImagingError.invalidImage(reason: "no reader of DICOM files")
  }
}
