import Foundation

extension ImageFile {
  /// The facts of a stored image that decide whether its bytes can be used as they are.
  package struct Facts: Sendable, Equatable {
    /// The format, by the first bytes.
    package let format: ImageFormat
    /// Whether the stored pixels are upright, without EXIF or TIFF orientation to apply.
    package let isUpright: Bool
  }

  /// Reads the format and the orientation of an image in memory.
  ///
  /// - Parameters:
  ///   - content: the bytes of the file.
  ///   - file: the name for messages.
  ///   - limits: the limits above which the file is rejected.
  /// - Returns: the facts.
  /// - Throws: `ImagingError`, also for an image that is too large or one of several pages.
  package static func facts(
    of content: [UInt8], file: String, limits: ImageLimits = .default
  ) throws -> Facts {
    let format = try format(of: content, file: file)
    let orientation = try orientation(content, format: format, file: file, limits: limits)
    return Facts(format: format, isUpright: orientation == .up)
  }
}

extension ImageFormat {
  /// The usual ending of a file's name.
  package var ending: String {
    switch self {
    case .jpeg: "jpg"
    case .png: "png"
    case .tiff: "tif"
    case .bmp: "bmp"
    }
  }
}
