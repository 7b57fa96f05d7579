import Foundation

/// Reads JPEG, PNG, TIFF and BMP images; it detects the format by the first bytes.
///
/// The result is upright: EXIF and TIFF orientation are applied. It has 8 bits per sample; 16 bits
/// are scaled and rounded. It has one channel for grey or three for RGB; `Image.rgb` always has
/// three. Transparent parts are blended with black. A TIFF of several pages is an error, and so is a
/// file that is cut short or corrupt: the result is never a part of the content.
public enum ImageFile {
  /// Reads an image.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - limits: The limits above which a file is rejected before it is decoded.
  ///   - denominator: For JPEG, 1, 2, 4 or 8: decode at that fraction of the size, several times
  ///     faster. Other formats always have their full size.
  /// - Returns: The image, upright.
  /// - Throws: `ImagingError`, which names the file and the fix.
  public static func read(_ url: URL, limits: ImageLimits = .default, reducedBy denominator: Int = 1) throws
    -> Image
  {
    let content = try FileBytes(url, limits: limits).all()
    return try decode(content, file: url.path, limits: limits, reducedBy: denominator)
  }

  /// Reads an image from bytes in memory; `file` is the name for messages.
  ///
  /// - Throws: `ImagingError`.
  public static func decode(
    _ content: [UInt8], file: String, limits: ImageLimits = .default, reducedBy denominator: Int = 1
  ) throws -> Image {
    guard [1, 2, 4, 8].contains(denominator) else {
      throw ImagingError.invalidImage(reason: "reduced by \(denominator); choose 1, 2, 4 or 8")
    }
    let format = try format(of: content, file: file)
    let upright = try orientation(content, format: format, file: file, limits: limits)
    if format == .bmp { return upright.apply(try BitmapReader(content, file: file).decode(indices: false)) }
    let codec = Codec(
      file: file, format: format, content: content, denominator: format == .jpeg ? denominator : 1)
    return upright.apply(try codec.decode(limits: limits).picture())
  }

  /// Reads the width and height of the upright image from the header only.
  ///
  /// - Throws: `ImagingError`.
  public static func size(_ url: URL) throws -> (width: Int, height: Int) {
    let source = try FileBytes(url, limits: ImageLimits(maximumFileBytes: .max))
    let first = source.bytes(at: 0, count: min(8, source.count)) ?? []
    let format = try format(of: first, file: url.path)
    return try header(source, format: format, file: url.path).size
  }

  /// Returns whether a file begins as an image of a known format does.
  package static func isImage(_ url: URL) -> Bool {
    guard let source = try? FileBytes(url, limits: ImageLimits(maximumFileBytes: .max)),
      let first = source.bytes(at: 0, count: min(8, source.count))
    else { return false }
    return ImageFormat(signature: first) != nil
  }

  /// Detects the format of a file by its first bytes.
  static func format(of content: [UInt8], file: String) throws -> ImageFormat {
    guard !content.isEmpty else { throw ImagingError.empty(file: file) }
    guard let format = ImageFormat(signature: content) else { throw ImagingError.unknownFormat(file: file) }
    return format
  }

  /// Reads the header, rejects an image that is too large or one of several, and returns its
  /// orientation.
  static func orientation(
    _ content: [UInt8], format: ImageFormat, file: String, limits: ImageLimits
  ) throws -> Orientation {
    let header = try header(MemoryBytes(content: content), format: format, file: file)
    if limits.refuse(width: header.width, height: header.height) {
      throw ImagingError.tooManyPixels(
        file: file, width: header.width, height: header.height, limit: limits.maximumPixels)
    }
    guard header.pages == 1 else { throw ImagingError.severalPages(file: file, count: header.pages) }
    return header.orientation
  }

  private static func header(_ source: some ByteSource, format: ImageFormat, file: String) throws
    -> ImageHeader
  {
    guard let header = ImageHeader.read(source, format: format) else {
      throw ImagingError.damaged(file: file, format: format, reason: "its header is cut short or corrupt")
    }
    return header
  }
}
