/// A file format, detected by the first bytes of a file and never by its name.
public enum ImageFormat: String, Sendable, Equatable, CaseIterable {
  /// JPEG, by JFIF or EXIF.
  case jpeg
  /// Portable Network Graphics.
  case png
  /// TIFF, also BigTIFF.
  case tiff
  /// Windows bitmap.
  case bmp

  /// The common name of the format.
  public var name: String { rawValue.uppercased() }

  /// Finds the format that has the signature of these bytes.
  public init?(signature bytes: some Collection<UInt8>) {
    let first = Array(bytes.prefix(8))
    if first.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if first == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] {
      self = .png
    } else if first.starts(with: [0x49, 0x49, 0x2A, 0]) || first.starts(with: [0x4D, 0x4D, 0, 0x2A])
      || first.starts(with: [0x49, 0x49, 0x2B, 0]) || first.starts(with: [0x4D, 0x4D, 0, 0x2B])
    {
      self = .tiff
    } else if first.starts(with: [0x42, 0x4D]) {
      self = .bmp
    } else {
      return nil
    }
  }
}
