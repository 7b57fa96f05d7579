import CImageCodecs
import Foundation
import Storage
import Torch

extension Image {
  /// Encodes the image as an 8-bit PNG, grey or RGB.
  ///
  /// - Throws: `ImagingError.notEncoded`.
  public func pngData() throws -> Data { try encodedPNG(bits: 8) }

  /// Encodes the mask as a 1-bit PNG: 0 is black, any other value is white.
  ///
  /// - Throws: `ImagingError.notEncoded`, also if the image has colours.
  public func bilevelPNGData() throws -> Data {
    guard channels == 1 else {
      throw ImagingError.notEncoded(format: .png, reason: "a mask has one channel, this picture \(channels)")
    }
    return try encodedPNG(bits: 1)
  }

  /// Encodes the image as a JPEG of a quality from 1 to 100.
  ///
  /// - Throws: `ImagingError.notEncoded`, also if a side exceeds the limit of JPEG, 65,500 pixels.
  public func jpegData(quality: Int = 90) throws -> Data {
    guard (1...100).contains(quality) else {
      throw ImagingError.notEncoded(format: .jpeg, reason: "quality \(quality); choose 1 to 100")
    }
    return try encoded(.jpeg) { samples, out, size, message in
      codec_jpeg_encode(
        samples, UInt32(width), UInt32(height), UInt32(channels), Int32(quality), out, size, message)
    }
  }

  private func encodedPNG(bits: UInt32) throws -> Data {
    try encoded(.png) { samples, out, size, message in
      codec_png_encode(samples, UInt32(width), UInt32(height), UInt32(channels), bits, out, size, message)
    }
  }

  private typealias Encoder = (
    UnsafePointer<UInt8>?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
    UnsafeMutablePointer<CChar>?
  ) -> Int32

  private func encoded(_ format: ImageFormat, _ encode: Encoder) throws -> Data {
    guard width <= Int32.max, height <= Int32.max else {
      throw ImagingError.notEncoded(format: format, reason: "\(width) × \(height) pixels are too many")
    }
    var out: UnsafeMutablePointer<UInt8>?
    var size = 0
    let (result, reason) = Codec.withMessage { message in
      pixels.withUnsafeBufferPointer { encode($0.baseAddress, &out, &size, message) }
    }
    guard result == CODEC_OK, let out else { throw ImagingError.notEncoded(format: format, reason: reason) }
    return Data(bytesNoCopy: out, count: size, deallocator: .free)
  }
}

extension ImageFile {
  /// Writes an 8-bit PNG, grey or RGB; readers see the old file or the whole new file.
  ///
  /// - Throws: `ImagingError.notEncoded`, or `FileError` that names the path.
  public static func writePNG(_ image: Image, to url: URL) throws {
    try AtomicFile.write(try image.pngData(), to: url)
  }

  /// Writes a JPEG of a quality from 1 to 100; readers see the old file or the whole new file.
  ///
  /// - Throws: `ImagingError.notEncoded`, or `FileError` that names the path.
  public static func writeJPEG(_ image: Image, quality: Int = 90, to url: URL) throws {
    try AtomicFile.write(try image.jpegData(quality: quality), to: url)
  }
}

extension MaskFile {
  /// Writes a 1-bit PNG: 0 is black, any other value is white.
  ///
  /// Readers see the old file or the whole new file.
  ///
  /// - Throws: `ImagingError.notEncoded`, or `FileError` that names the path.
  public static func writeBinary(_ mask: Image, to url: URL) throws {
    try AtomicFile.write(try mask.bilevelPNGData(), to: url)
  }

  /// Writes an 8-bit grey PNG whose values are the labels.
  ///
  /// Readers see the old file or the whole new file.
  ///
  /// - Throws: `ImagingError.notEncoded`, also if the mask has colours, or `FileError` that names
  ///   the path.
  public static func writeLabels(_ mask: Image, to url: URL) throws {
    guard mask.channels == 1 else {
      throw ImagingError.notEncoded(
        format: .png, reason: "a mask has one channel, this picture \(mask.channels)")
    }
    try AtomicFile.write(try mask.pngData(), to: url)
  }
}
