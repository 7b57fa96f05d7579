import CImageCodecs
import Foundation
import Torch

/// Maps of numbers as grey pictures of 16 bits, for numbers whose small steps matter.
package enum GreyMap {
  /// Encodes numbers from 0 to 1 as a grey PNG of 16 bits; the level 65535 means 1.
  ///
  /// - Parameter values: H×W; numbers outside of the range are clamped.
  /// - Returns: the file.
  /// - Throws: `ImagingError.notEncoded`, or `TorchError` for another rank.
  package static func pngData(_ values: Tensor) throws -> Data {
    let sizes = try values.sizes(rank: 2, "the map")
    guard (1...Int(Int32.max)).contains(sizes[0]), (1...Int(Int32.max)).contains(sizes[1]) else {
      throw ImagingError.notEncoded(format: .png, reason: "\(sizes[1]) × \(sizes[0]) pixels")
    }
    let levels = try (values.to(.float64).clamped(min: 0, max: 1) * 65535).rounded()
    let high = try (levels / 256).floor()
    // PNG has the high byte first.
    let bytes: [UInt8] = try Tensor.stacked([high, levels - high * 256], dim: 2).to(.uint8).contiguous()
      .array()
    var out: UnsafeMutablePointer<UInt8>?
    var size = 0
    let (result, reason) = Codec.withMessage { message in
      bytes.withUnsafeBufferPointer {
        codec_png_encode($0.baseAddress, UInt32(sizes[1]), UInt32(sizes[0]), 1, 16, &out, &size, message)
      }
    }
    guard result == CODEC_OK, let out else { throw ImagingError.notEncoded(format: .png, reason: reason) }
    return Data(bytesNoCopy: out, count: size, deallocator: .free)
  }
}
