import Foundation
import Imaging

extension Reader {
  /// DICOM files of several transfer syntaxes; none if the program was built without DICOM.
  static let dicom: [Reader] = DICOMFile.isBuiltIn ? [files, dicomResults] : []

  private static let files = Reader(name: "dicom") { folder in
    let files = [
      "rgb.dcm", "bare", "deflated.dcm", "palette.dcm", "rle.dcm", "jpeg-lossless.dcm", "jpeg-ls.dcm",
      "jpeg-12.dcm", "jpeg-fragments.dcm", "j2k-rct.dcm", "big-endian.dcm", "ybr-422.dcm",
    ]
    for file in files { _ = try copy("Tests/ImagingTests/Fixtures/dicom/\(file)", to: folder, as: file) }
    return files
  } read: { folder in
    // All are read, so that the damaged one is among them.
    for url in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      let file = try DICOMFile(url, limits: ImageLimits(maximumPixels: 10_000_000))
      for frame in 0..<min(8, file.frameCount) { _ = try file.frame(frame) }
    }
  }
}
