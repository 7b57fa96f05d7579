/// A mask of the lesion: 1 for pixels of the lesion, 0 for others.
///
/// Rows follow one another from the top; `pixels[y * width + x]` is the pixel in column `x` of row
/// `y`.
public struct BinaryMask: Equatable, Sendable {
  /// The number of columns, at least 1.
  public let width: Int

  /// The number of rows, at least 1.
  public let height: Int

  /// The pixels row by row, each 0 or 1; there are `width * height`.
  public let pixels: [UInt8]

  /// Makes a mask from pixels that are already 0 or 1.
  ///
  /// Masks stored as 0 and 255, or with grey edges, need a threshold first.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - height: The number of rows.
  ///   - pixels: The pixels row by row.
  /// - Throws: ``MetricError`` if a side is not positive, the number of pixels is not
  ///   `width * height`, or a pixel is neither 0 nor 1.
  public init(width: Int, height: Int, pixels: [UInt8]) throws {
    try Self.requirePixels(pixels.count, width: width, height: height)
    if (pixels.max() ?? 0) > 1, let index = pixels.firstIndex(where: { $0 > 1 }) {
      throw MetricError.notBinary(value: pixels[index], x: index % width, y: index / width)
    }
    self.init(uncheckedWidth: width, height: height, pixels: pixels)
  }

  /// Makes a mask from truth values.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - height: The number of rows.
  ///   - values: True for pixels of the lesion, row by row.
  /// - Throws: ``MetricError`` if a side is not positive or the number of values is not
  ///   `width * height`.
  public init(width: Int, height: Int, values: [Bool]) throws {
    try self.init(width: width, height: height, pixels: values.map { $0 ? 1 : 0 })
  }

  /// Makes a mask from parts that the caller has checked.
  init(uncheckedWidth width: Int, height: Int, pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Whether all pixels are 0.
  public var isEmpty: Bool { !pixels.contains(1) }

  /// The number of pixels that are 1.
  public var count: Int { pixels.reduce(0) { $0 + Int($1) } }

  /// Returns whether the pixel in column `x` of row `y` is 1; both must lie inside the mask.
  public subscript(x: Int, y: Int) -> Bool { pixels[y * width + x] == 1 }

  /// Throws if the number of pixels is not width times height.
  static func requirePixels(_ found: Int, width: Int, height: Int) throws {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, !overflow else {
      throw MetricError.invalidSize(width: width, height: height)
    }
    guard found == count else { throw MetricError.pixelCount(width: width, height: height, found: found) }
  }

  /// Throws if a prediction and its reference differ in width or height.
  public static func requireSameSize(prediction: BinaryMask, reference: BinaryMask) throws {
    guard prediction.width == reference.width, prediction.height == reference.height else {
      throw MetricError.sizeMismatch(
        predictionWidth: prediction.width, predictionHeight: prediction.height,
        referenceWidth: reference.width, referenceHeight: reference.height)
    }
  }
}
