import Foundation
import Imaging

/// A mask of a DICOM Segmentation object, read back.
struct WrittenMask: Equatable {
  /// The number of its segment, from 1.
  let segment: Int
  /// The label of its segment.
  let label: String
  /// The UID of its image.
  let instance: String
  /// The frame of its image, from 1.
  let frame: Int
  let mask: Image

  /// Reads all masks of an object, in the order of its frames.
  static func all(in file: URL) throws -> [WrittenMask] {
    let object = try DICOMFile(file)
    return try (0..<object.frameCount).map { index in
      let place = try object.segment(of: index)
      // DCMTK shows the set bits of a plane as grey.
      let bits = try object.frame(index)
      let mask = try Image(
        width: bits.width, height: bits.height, channels: 1, pixels: bits.pixels.map { $0 > 0 ? 255 : 0 })
      return WrittenMask(
        segment: place.number, label: place.label, instance: place.instanceUID, frame: place.frame + 1,
        mask: mask)
    }
  }
}
