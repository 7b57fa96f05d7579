import Foundation

/// Reads pictures: JPEG, PNG, TIFF and BMP, told apart by their first bytes.
///
/// What comes back stands upright (EXIF and TIFF orientation applied), has 8 bits a sample (16 scaled with
/// rounding) and one channel for grey or three for RGB; `Image.rgb` gives three always. Transparent parts are
/// laid over black. Of a TIFF with many pages the first is read. A file that is cut short or corrupt is an error,
/// never a picture that is half grey.
public enum ImageFile {
  /// Reads a picture.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - limits: What is refused unread.
  ///   - denominator: For JPEG, 1, 2, 4 or 8: decode at that fraction of the size, several times faster. Other
  ///     formats always come at full size.
  /// - Returns: The picture, upright.
  /// - Throws: `ImagingError`, which names the file and says what to do.
  public static func read(_ url: URL, limits: ImageLimits = .default, reducedBy denominator: Int = 1) throws
    -> Image
  {
    let content = try FileBytes(url, limits: limits).all()
    return try decode(content, file: url.path, limits: limits, reducedBy: denominator)
  }

  /// Reads a picture from bytes in memory; `file` is the name for messages.
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

  /// Reads a picture's width and height, as it stands upright, from the header alone.
  ///
  /// - Throws: `ImagingError`.
  public static func size(_ url: URL) throws -> (width: Int, height: Int) {
    let source = try FileBytes(url, limits: ImageLimits(maximumFileBytes: .max))
    let first = source.bytes(at: 0, count: min(8, source.count)) ?? []
    let format = try format(of: first, file: url.path)
    return try header(source, format: format, file: url.path).size
  }

  /// Tells a file's format by its first bytes.
  static func format(of content: [UInt8], file: String) throws -> ImageFormat {
    guard !content.isEmpty else { throw ImagingError.empty(file: file) }
    guard let format = ImageFormat(signature: content) else { throw ImagingError.unknownFormat(file: file) }
    return format
  }

  /// Reads the header, refuses what is too large, and tells how to turn the picture.
  static func orientation(
    _ content: [UInt8], format: ImageFormat, file: String, limits: ImageLimits
  ) throws -> Orientation {
    let header = try header(MemoryBytes(content: content), format: format, file: file)
    if limits.refuse(width: header.width, height: header.height) {
      throw ImagingError.tooManyPixels(
        file: file, width: header.width, height: header.height, limit: limits.maximumPixels)
    }
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
