import Foundation
import Imaging

extension Reader {
  /// A DICOM image as the source of results, and a Segmentation object that is read back.
  static let dicomResults = Reader(name: "dicom-results") { folder in
    let source = folder.appendingPathComponent("source.dcm")
    _ = try copy("Tests/ImagingTests/Fixtures/dicom/rgb.dcm", to: folder, as: "source.dcm")
    let file = try DICOMFile(source)
    let mask = try Image(
      width: file.width, height: file.height, channels: 1,
      pixels: (0..<file.width * file.height).map { $0 % 3 == 0 ? 255 : 0 })
    try DICOMSegmentation.write(
      masks: [(frame: 1, mask: mask)], source: source, options: .init(segments: [.init(name: "polyp")]),
      to: folder.appendingPathComponent("segmentation.dcm"))
    return ["source.dcm", "segmentation.dcm"]
  } read: { folder in
    _ = try DICOMSegmentation.groups(of: [folder.appendingPathComponent("source.dcm")])
    let object = try DICOMFile(
      folder.appendingPathComponent("segmentation.dcm"), limits: ImageLimits(maximumPixels: 10_000_000))
    for index in 0..<min(8, object.frameCount) {
      _ = try object.segment(of: index)
      _ = try object.frame(index)
    }
  }
}
