import Foundation

/// Reads masks: images of one channel whose values are labels, without change.
///
/// It supports the formats and orientations of `ImageFile`. A colour file is accepted if its
/// channels agree. A 1-bit file gives 0 and 255; a 16-bit file that holds only 0 and 65,535 does
/// the same. A pixel that is at most half opaque becomes 0. Other pixels keep their value, because
/// a blend of two labels would be a third label.
public enum MaskFile {
  /// The meaning of the values of a mask in a file with a palette.
  public enum Meaning: Sendable, Equatable {
    /// The grey levels of the colours, as in a mask of black and white.
    case grey
    /// The palette indices, as in a label map whose colours are only for display.
    ///
    /// Files without a palette are read as grey levels.
    case indices
  }

  /// The maximum difference of the channels of a JPEG that counts as grey.
  ///
  /// Its compression adds some colour.
  private static let jpegTolerance = 8

  /// Reads a mask.
  ///
  /// - Throws: `ImagingError`: the cases of `ImageFile.read`, `colouredMask` and `labelTooLarge`.
  public static func read(_ url: URL, as meaning: Meaning = .grey, limits: ImageLimits = .default) throws
    -> Image
  {
    try decode(try FileBytes(url, limits: limits).all(), file: url.path, as: meaning, limits: limits)
  }

  /// Reads a mask from bytes in memory; `file` is the name for messages.
  ///
  /// - Throws: `ImagingError`.
  public static func decode(
    _ content: [UInt8], file: String, as meaning: Meaning = .grey, limits: ImageLimits = .default
  ) throws -> Image {
    let format = try ImageFile.format(of: content, file: file)
    let upright = try ImageFile.orientation(content, format: format, file: file, limits: limits)
    let stored: Image
    if format == .bmp {
      stored = try BitmapReader(content, file: file).decode(indices: meaning == .indices)
    } else {
      let codec = Codec(file: file, format: format, content: content, indices: meaning == .indices)
      stored = try codec.decode(limits: limits).labels(file: file)
    }
    guard let mask = stored.grey(tolerance: format == .jpeg ? jpegTolerance : 0) else {
      throw ImagingError.colouredMask(file: file)
    }
    return upright.apply(mask)
  }
}
