import Foundation

/// Reads masks: images of one channel whose values are labels, without change.
///
/// It supports the formats and orientations of `ImageFile`. A colour file is accepted if its
/// channels agree. A 1-bit file gives 0 and 255; a 16-bit file that holds only 0 and 65,535 does
/// the same. A palette whose colours are all the same is read by its indices. A pixel that is at
/// most half opaque becomes 0. Other pixels keep their value, because a blend of two labels would be
/// a third label.
public enum MaskFile {
  /// The meaning of the values of a mask in a file with a palette or below 8 bits.
  public enum Meaning: Sendable, Equatable {
    /// The grey levels of the colours, as in a mask of black and white.
    case grey
    /// The numbers in the file, as in a label map whose colours are only for display.
    ///
    /// They are palette indices, or the values of a grey file before they are scaled to 255.
    case indices
  }

  /// A mask and the facts of its file.
  package struct Content: Sendable {
    /// The values, one channel.
    package let image: Image
    /// Whether the file stores one bit a pixel, so that its white is both 1 and 255.
    package let isBilevel: Bool
    /// Whether compression changes values, as in JPEG.
    package let isLossy: Bool
  }

  /// The maximum difference of the channels of a JPEG that counts as grey.
  ///
  /// Its compression adds some colour.
  private static let jpegTolerance = 8

  /// Reads a mask.
  ///
  /// - Throws: `ImagingError`: the cases of `ImageFile.read`, `colouredMask`, `transparentMask` and
  ///   `labelTooLarge`.
  public static func read(_ url: URL, as meaning: Meaning = .grey, limits: ImageLimits = .default) throws
    -> Image
  {
    try content(url, as: meaning, limits: limits).image
  }

  /// Reads a mask and the facts of its file.
  ///
  /// - Throws: the errors of `read`.
  package static func content(_ url: URL, as meaning: Meaning = .grey, limits: ImageLimits = .default) throws
    -> Content
  {
    try content(try FileBytes(url, limits: limits).all(), file: url.path, as: meaning, limits: limits)
  }

  /// Reads a mask from bytes in memory; `file` is the name for messages.
  ///
  /// - Throws: `ImagingError`.
  public static func decode(
    _ content: [UInt8], file: String, as meaning: Meaning = .grey, limits: ImageLimits = .default
  ) throws -> Image {
    try self.content(content, file: file, as: meaning, limits: limits).image
  }

  private static func content(
    _ bytes: [UInt8], file: String, as meaning: Meaning, limits: ImageLimits
  ) throws -> Content {
    let format = try ImageFile.format(of: bytes, file: file)
    let upright = try ImageFile.orientation(bytes, format: format, file: file, limits: limits)
    let stored: Image
    var (isBilevel, hasPalette) = (false, format == .bmp)
    if format == .bmp {
      stored = try BitmapReader(bytes, file: file).decode(indices: meaning == .indices)
    } else {
      let codec = Codec(file: file, format: format, content: bytes, indices: meaning == .indices)
      let samples = try codec.decode(limits: limits)
      (isBilevel, hasPalette) = (samples.layout.bilevel != 0, samples.layout.palette != 0)
      stored = try samples.labels(file: file)
    }
    if hasPalette, meaning == .grey, stored.isPlain {
      // Colours that are all the same, as of a palette that was never set, tell nothing.
      let labels = try content(bytes, file: file, as: .indices, limits: limits)
      if !labels.image.isPlain { return labels }
    }
    guard let mask = stored.grey(tolerance: format == .jpeg ? jpegTolerance : 0) else {
      let indices =
        hasPalette && meaning == .grey ? try? content(bytes, file: file, as: .indices, limits: limits) : nil
      throw ImagingError.colouredMask(
        file: file, colours: stored.firstColours(3),
        indices: indices.map { MaskValues($0).distinct.map(Int.init) })
    }
    return Content(image: upright.apply(mask), isBilevel: isBilevel, isLossy: format == .jpeg)
  }
}

extension Image {
  /// Whether all pixels are the same.
  fileprivate var isPlain: Bool { pixels.dropFirst(channels) == pixels.dropLast(channels) }

  /// Returns the first different colours as text, for a message.
  fileprivate func firstColours(_ count: Int) -> [String] {
    var found: [String] = []
    for at in stride(from: 0, to: pixels.count - channels + 1, by: channels) where found.count < count {
      let colour = "(" + pixels[at..<at + channels].map { String($0) }.joined(separator: ", ") + ")"
      if !found.contains(colour) { found.append(colour) }
    }
    return found
  }
}
