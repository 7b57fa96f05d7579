import Storage
import Torch

/// The way in which an image of any proportions enters the square of the network.
public enum Framing: String, NamedChoice, Sendable {
  /// The whole image is squeezed into the square.
  case squash
  /// The whole image keeps its proportions; black bars fill the rest.
  case letterbox
  /// The endoscope's view is cut out and squeezed into the square; see `FieldOfView`.
  ///
  /// Dark borders, text and inset pictures beside the view differ between hospitals, and so does
  /// the size of the view in the image.
  case view

  /// Finds the part of an image that enters the square, and its place there.
  ///
  /// - Parameters:
  ///   - image: uint8, 3×H×W.
  ///   - size: the side S of the square.
  /// - Returns: the frame.
  /// - Throws: `TorchError` for another shape.
  func frame(of image: Tensor, size: Int) throws -> Frame { try frames(of: image, sizes: [size])[0] }

  /// Finds the part of an image that enters squares of several sides, and its place in each.
  ///
  /// - Parameters:
  ///   - image: uint8, 3×H×W.
  ///   - sizes: the sides of the squares.
  /// - Returns: a frame for each side.
  /// - Throws: `TorchError` for another shape.
  func frames(of image: Tensor, sizes: [Int]) throws -> [Frame] {
    let shape = try image.sizes(rank: 3, "the image")
    guard self == .view else {
      return sizes.map { frame(height: shape[1], width: shape[2], size: $0) }
    }
    let view = try FieldOfView(of: image)
    return sizes.map { size in
      Frame(rows: view.rows, columns: view.columns, innerRows: 0..<size, innerColumns: 0..<size, size: size)
    }
  }

  /// Returns the frame of an image that enters whole.
  func frame(height: Int, width: Int, size: Int) -> Frame {
    func inner(_ side: Int) -> Range<Int> {
      guard self == .letterbox else { return 0..<size }
      let length = max(1, Int((Double(side * size) / Double(max(height, width))).rounded()))
      return (size - length) / 2..<(size - length) / 2 + length
    }
    return Frame(
      rows: 0..<height, columns: 0..<width, innerRows: inner(height), innerColumns: inner(width), size: size)
  }
}

/// The part of an image that enters the square of the network, and its place there.
public struct Frame: Equatable, Sendable {
  /// The rows of the image that enter.
  public let rows: Range<Int>
  /// The columns of the image that enter.
  public let columns: Range<Int>
  /// The rows of the square that they fill.
  public let innerRows: Range<Int>
  /// The columns of the square that they fill.
  public let innerColumns: Range<Int>
  /// The side S of the square.
  public let size: Int

  /// Returns the same frame for an image that is larger by a whole factor.
  func enlarged(by factor: Int) -> Frame {
    func larger(_ range: Range<Int>) -> Range<Int> { range.lowerBound * factor..<range.upperBound * factor }
    return Frame(
      rows: larger(rows), columns: larger(columns), innerRows: innerRows, innerColumns: innerColumns,
      size: size)
  }

  /// Cuts the part that enters out of an image or mask, …×H×W.
  func cut(_ image: Tensor) throws -> Tensor {
    try Self.part(image, rows, columns)
  }

  /// Puts the part into the square, …×h×w → …×S×S, with zeros around it.
  func placed(_ part: Tensor) throws -> Tensor {
    try Self.place(part, innerRows, innerColumns, height: size, width: size)
  }

  /// Maps values on the square to the image, B×C×S×S → B×C×H×W; what does not enter is 0.
  ///
  /// - Parameters:
  ///   - values: the values, float32.
  ///   - height: H, the height of the image.
  ///   - width: W, the width of the image.
  /// - Returns: the values, scaled bilinearly.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func restored(_ values: Tensor, height: Int, width: Int) throws -> Tensor {
    let inner = try Self.part(values, innerRows, innerColumns)
    let large = try inner.resized(height: rows.count, width: columns.count)
    return try Self.place(large, rows, columns, height: height, width: width)
  }

  /// Returns the part that the square shows, at the image's own resolution: …×H×W → …×h×w.
  ///
  /// It includes black bars.
  ///
  /// - Parameter image: an image or mask of the frame's size.
  /// - Returns: the part of the image.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func shown(_ image: Tensor) throws -> Tensor {
    func side(_ part: Range<Int>, _ inner: Range<Int>) -> (start: Int, length: Int) {
      let scale = Double(part.count) / Double(inner.count)
      let start = Int((Double(inner.lowerBound) * scale).rounded())
      return (start, max(start + part.count, Int((Double(size) * scale).rounded())))
    }
    let (down, across) = (side(rows, innerRows), side(columns, innerColumns))
    return try Self.place(
      cut(image), down.start..<down.start + rows.count, across.start..<across.start + columns.count,
      height: down.length, width: across.length)
  }

  private static func part(_ tensor: Tensor, _ rows: Range<Int>, _ columns: Range<Int>) throws -> Tensor {
    let rank = tensor.rank
    let (height, width) = (try tensor.size(rank - 2), try tensor.size(rank - 1))
    if rows.count == height, columns.count == width { return tensor }
    return try tensor.narrowed(dim: rank - 2, start: rows.lowerBound, length: rows.count)
      .narrowed(dim: rank - 1, start: columns.lowerBound, length: columns.count)
  }

  private static func place(
    _ part: Tensor, _ rows: Range<Int>, _ columns: Range<Int>, height: Int, width: Int
  ) throws -> Tensor {
    if rows.count == height, columns.count == width { return part }
    let square = try Tensor.zeros(part.shape.dropLast(2) + [height, width], dtype: part.dtype)
    try Self.part(square, rows, columns).assign(part)
    return square
  }
}
