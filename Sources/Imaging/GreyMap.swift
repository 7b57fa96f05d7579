import CImageCodecs
import Foundation
import Torch

/// Maps of numbers from 0 to 1 as grey pictures of 16 bits, for numbers whose small steps matter.
///
/// The level 65535 means 1, and a number becomes the nearest level. A number is at least 0.5 exactly
/// where its level is at least 32768, so a threshold of 0.5 finds the same pixels in the file. Other
/// thresholds may differ where the number is within 1/131070 of them.
package enum GreyMap {
  /// Encodes numbers as a grey PNG of 16 bits.
  ///
  /// - Parameter values: H×W; numbers outside of the range are clamped.
  /// - Returns: the file.
  /// - Throws: `ImagingError.notEncoded`, or `TorchError` for another rank.
  package static func pngData(_ values: Tensor) throws -> Data {
    let (levels, width, height) = try levels(of: values, for: .png)
    let high = try (levels / 256).floor()
    // PNG has the high byte first.
    let bytes: [UInt8] = try Tensor.stacked([high, levels - high * 256], dim: 2).to(.uint8).contiguous()
      .array()
    return try encoded(.png) { out, size, message in
      bytes.withUnsafeBufferPointer {
        codec_png_encode($0.baseAddress, width, height, 1, 16, out, size, message)
      }
    }
  }

  /// Encodes numbers as a grey TIFF of 16 bits with deflate.
  ///
  /// - Parameter values: H×W; numbers outside of the range are clamped.
  /// - Returns: the file.
  /// - Throws: `ImagingError.notEncoded`, or `TorchError` for another rank.
  package static func tiffData(_ values: Tensor) throws -> Data {
    let (levels, width, height) = try levels(of: values, for: .tiff)
    // libtorch converts to no unsigned kind of 16 bits; the signed one holds the same bits.
    let words = try levels.to(.int32).to(.int16).contiguous()
    return try encoded(.tiff) { out, size, message in
      try words.withBytes {
        codec_tiff_encode($0.bindMemory(to: UInt16.self).baseAddress, width, height, out, size, message)
      }
    }
  }

  private static func levels(
    of values: Tensor, for format: ImageFormat
  ) throws -> (levels: Tensor, width: UInt32, height: UInt32) {
    let sizes = try values.sizes(rank: 2, "the map")
    guard (1...Int(Int32.max)).contains(sizes[0]), (1...Int(Int32.max)).contains(sizes[1]) else {
      throw ImagingError.notEncoded(format: format, reason: "\(sizes[1]) × \(sizes[0]) pixels")
    }
    // 0.5 lies between two levels, and half to even rounds it up.
    let levels = try (values.to(.float64).clamped(min: 0, max: 1) * 65535).rounded()
    return (levels, UInt32(sizes[1]), UInt32(sizes[0]))
  }

  private static func encoded(
    _ format: ImageFormat,
    _ encode: (
      UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
      UnsafeMutablePointer<CChar>?
    ) throws -> Int32
  ) throws -> Data {
    var out: UnsafeMutablePointer<UInt8>?
    var size = 0
    let (result, reason) = try Codec.withMessage { try encode(&out, &size, $0) }
    guard result == CODEC_OK, let out else { throw ImagingError.notEncoded(format: format, reason: reason) }
    return Data(bytesNoCopy: out, count: size, deallocator: .free)
  }
}

extension GreyMap {
  /// The levels of a map that was read.
  package enum Levels {
    /// A picture of 8 bits, or a mask that is stored in 16 bits; 255 means 1.
    case bytes(Image)
    /// A grey picture of 16 bits, row by row; 65535 means 1.
    case words([UInt16], width: Int, height: Int)

    /// The number of columns.
    package var width: Int {
      switch self {
      case .bytes(let image): image.width
      case .words(_, let width, _): width
      }
    }

    /// The number of rows.
    package var height: Int {
      switch self {
      case .bytes(let image): image.height
      case .words(_, _, let height): height
      }
    }
  }

  /// Reads a map of numbers from 0 to 1, as `pngData`, `tiffData` or another program wrote it.
  ///
  /// An upright grey PNG or TIFF of 16 bits keeps its levels, unless it holds only 0 and 255, or only
  /// 0 and 65535: it is a mask then. Other files are read as `MaskFile.read` does.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - limits: the limits above which it is rejected before it is decoded.
  /// - Returns: the levels.
  /// - Throws: the errors of `MaskFile.read`.
  package static func levels(_ url: URL, limits: ImageLimits = .default) throws -> Levels {
    let content = try FileBytes(url, limits: limits).all()
    if let words = try words(content, file: url.path, limits: limits) { return words }
    return .bytes(try MaskFile.decode(content, file: url.path, limits: limits))
  }

  private static func words(_ content: [UInt8], file: String, limits: ImageLimits) throws -> Levels? {
    let format = try ImageFile.format(of: content, file: file)
    guard format == .png || format == .tiff,
      try ImageFile.orientation(content, format: format, file: file, limits: limits) == .up
    else { return nil }
    let codec = Codec(file: file, format: format, content: content)
    let layout = try codec.layout(limits: limits)
    guard layout.bits == 16, layout.channels == 1, layout.orientation == 1,
      case .words(let words) = try codec.decode(limits: limits).values
    else { return nil }
    func isMask(of white: UInt16) -> Bool { !words.contains { $0 != 0 && $0 != white } }
    guard !isMask(of: 255), !isMask(of: .max) else { return nil }
    return .words(words, width: Int(layout.width), height: Int(layout.height))
  }
}
