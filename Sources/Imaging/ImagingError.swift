import Storage

/// An image that cannot be read, made or encoded.
public enum ImagingError: Error, Equatable, CustomStringConvertible {
  /// No file exists at the path.
  case missing(file: String)
  /// The path is a folder, a device or a pipe.
  case notAFile(file: String)
  /// The system does not allow reading the file.
  case unreadable(file: String, reason: String)
  /// The file has no bytes.
  case empty(file: String)
  /// The file has more bytes than the limits allow.
  case fileTooLarge(file: String, bytes: Int, limit: Int)
  /// The image has more pixels than the limits allow.
  case tooManyPixels(file: String, width: Int, height: Int, limit: Int)
  /// The first bytes belong to no known format.
  case unknownFormat(file: String)
  /// The content is cut short or corrupt.
  case damaged(file: String, format: ImageFormat, reason: String)
  /// The content is of an unsupported kind.
  case unsupported(file: String, format: ImageFormat, reason: String)
  /// A TIFF holds several pictures.
  case severalPages(file: String, count: Int)
  /// A mask has colours instead of grey levels; some of them as text, and the palette indices.
  case colouredMask(file: String, colours: [String], indices: [Int]?)
  /// The content of a mask is its transparency, or is hidden by it.
  case transparentMask(file: String)
  /// A 16-bit mask has a label that does not fit in 8 bits.
  case labelTooLarge(file: String, value: Int)
  /// The sizes and samples do not form an image.
  case invalidImage(reason: String)
  /// An image could not be encoded.
  case notEncoded(format: ImageFormat, reason: String)

  /// One line that names the file, the error and the fix.
  public var description: String {
    switch self {
    case .missing(let file): "\(shown(file)): no such file; check the path"
    case .notAFile(let file): "\(shown(file)): not a file but a folder or device; give an image file"
    case .unreadable(let file, let reason): "\(shown(file)): cannot be read: \(reason); check its permissions"
    case .empty(let file): "\(shown(file)): the file is empty (0 bytes); copy it again or remove it"
    case .fileTooLarge(let file, let bytes, let limit):
      "\(shown(file)): \(bytes) bytes, more than the limit of \(limit); if you trust it, raise "
        + "ImageLimits.maximumFileBytes"
    case .tooManyPixels(let file, let width, let height, let limit):
      "\(shown(file)): \(width) × \(height) pixels, more than the limit of \(limit) pixels; if you trust it, raise "
        + "ImageLimits.maximumPixels, or maxPixels of a run"
    case .unknownFormat(let file):
      "\(shown(file)): not a JPEG, PNG, TIFF or BMP image; convert it to one of these"
    case .damaged(let file, let format, let reason):
      "\(shown(file)): damaged \(format.name): \(reason); copy it again or remove it"
    case .unsupported(let file, let format, let reason):
      "\(shown(file)): a kind of \(format.name) that is not read: \(reason); convert it to an 8-bit PNG"
    case .severalPages(let file, let count):
      "\(shown(file)): a TIFF of \(count > 4096 ? "more than 4096" : "\(count)") pages, which would give one result; store each page as a file of its own"
    case .colouredMask(let file, let colours, let indices):
      "\(shown(file)): a mask of colours, such as \(colours.joined(separator: ", ")), not of grey levels"
        + (indices.map { ", of the palette indices \($0.prefix(8).map(String.init).joined(separator: ", "))" }
          ?? "")
        + "; save it as black and white, or as grey whose values are labels"
    case .transparentMask(let file):
      "\(shown(file)): a mask whose content is its transparency or is hidden by it; save it as black and white "
        + "without transparency"
    case .labelTooLarge(let file, let value):
      "\(shown(file)): a 16-bit mask with label \(value); labels go up to 255, so renumber them"
    case .invalidImage(let reason): "not an image: \(reason)"
    case .notEncoded(let format, let reason): "the image cannot be written as \(format.name): \(reason)"
    }
  }

  private func shown(_ file: String) -> String { NativePath.shown(file) }
}
