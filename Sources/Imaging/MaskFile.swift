import Foundation

/// Reads masks: one channel whose values are labels, kept as they are.
///
/// The formats and the orientation are those of `ImageFile`. Colour files are taken when the channels agree.
/// 1-bit files give 0 and 255, and so do 16-bit files that hold nothing but 0 and 65,535. A pixel at most half
/// opaque is 0; others keep their value, since a mix of two labels would be a third.
public enum MaskFile {
  /// What the values of a mask stand for in a file with a palette.
  public enum Meaning: Sendable, Equatable {
    /// The grey levels of its colours, as in a mask of black and white.
    case grey
    /// Its palette indices, as in a label map whose colours are only for the eye. Files without a palette are
    /// read as grey levels all the same.
    case indices
  }

  /// How far the channels of a colour JPEG may differ and still be grey: its compression leaves a little colour.
  private static let jpegTolerance = 8

  /// Reads a mask.
  ///
  /// - Throws: `ImagingError`: beside those of `ImageFile.read`, `colouredMask` and `labelTooLarge`.
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
