import Torch

/// The probability of lesion of each pixel of an image, from 0 to 1.
///
/// Rows follow one another from the top, as in ``BinaryMask``.
public struct ProbabilityMap: Equatable, Sendable {
  /// The number of columns, at least 1.
  public let width: Int

  /// The number of rows, at least 1.
  public let height: Int

  /// The probabilities row by row; there are `width * height`.
  public let values: [Float]

  /// The map as it was stored in 8 bits; `nil` otherwise.
  private let stored: [UInt8]?

  /// Calls a closure with the place of every pixel and its probability as a double.
  ///
  /// The probability of a map that was stored in 8 bits is level / 255 without the rounding of
  /// `Float`. So levels on the edge of a bin are exactly on it.
  @inline(__always)
  func forEachPixel(_ body: (_ index: Int, _ probability: Double) -> Void) {
    if let stored {
      let probabilities = (0..<256).map { Double($0) / 255 }
      for index in stored.indices { body(index, probabilities[Int(stored[index])]) }
    } else {
      for index in values.indices { body(index, Double(values[index])) }
    }
  }

  /// The maximum rounding error past 0 or 1, as in a map that was enlarged.
  private static let slack: Float = 1e-5

  /// Makes a map of probabilities; rounding errors past 0 and 1 are clamped.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - height: The number of rows.
  ///   - values: The probabilities row by row.
  /// - Throws: ``MetricError`` if a side is not positive, the number of values is not
  ///   `width * height`, or a value is not a probability.
  public init(width: Int, height: Int, values: [Float]) throws {
    try BinaryMask.requirePixels(values.count, width: width, height: height)
    if let index = values.firstIndex(where: { !($0 >= -Self.slack && $0 <= 1 + Self.slack) }) {
      throw MetricError.notAProbability(Double(values[index]), x: index % width, y: index / width)
    }
    self.width = width
    self.height = height
    self.values = values.map { min(1, max(0, $0)) }
    stored = nil
  }

  /// Makes a map of 8-bit grey levels; 255 means probability 1.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - height: The number of rows.
  ///   - levels: The grey levels row by row.
  /// - Throws: ``MetricError`` if a side is not positive or the number of levels is not
  ///   `width * height`.
  public init(width: Int, height: Int, levels: [UInt8]) throws {
    try BinaryMask.requirePixels(levels.count, width: width, height: height)
    self.width = width
    self.height = height
    values = levels.map { Float($0) / 255 }
    stored = levels
  }

  /// Makes a map of 16-bit grey levels; 65535 means probability 1.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - height: The number of rows.
  ///   - words: The grey levels row by row.
  /// - Throws: ``MetricError`` if a side is not positive or the number of levels is not
  ///   `width * height`.
  public init(width: Int, height: Int, words: [UInt16]) throws {
    try self.init(width: width, height: height, values: words.map { Float($0) / 65535 })
  }

  /// Returns the pixels of at least a given probability.
  ///
  /// - Parameter threshold: The lowest probability of a lesion pixel.
  /// - Returns: A mask of the map's size.
  public func mask(atLeast threshold: Double) -> BinaryMask {
    let threshold = Float(threshold)
    return BinaryMask(
      uncheckedWidth: width, height: height, pixels: values.map { $0 >= threshold ? 1 : 0 })
  }

  /// Returns the lesion pixels by a rule.
  ///
  /// - Parameter threshold: The rule.
  /// - Returns: A mask of the map's size.
  /// - Throws: `TorchError` if memory is short.
  public func mask(_ threshold: MaskThreshold) throws -> BinaryMask {
    switch threshold {
    case .fixed(let probability): mask(atLeast: probability)
    case .dice: mask(atLeast: try threshold.level(of: Tensor(values, shape: [height, width])))
    }
  }

  /// Returns the lesion by a whole rule.
  ///
  /// - Parameter rule: The rule.
  /// - Returns: A mask of the map's size.
  /// - Throws: `TorchError` if memory is short.
  public func mask(_ rule: MaskRule) throws -> BinaryMask {
    let marked = try mask(rule.threshold)
    return rule.isThresholdAlone ? marked : try rule.cleaned(marked)
  }

  /// The map in 8 bits, as PraNet's test script saves it.
  ///
  /// It is stretched so that its minimum is 0 and its maximum 255, then rounded to whole levels
  /// (halves up). A map of a single value is 0 everywhere. A map that was stored in 8 bits is
  /// returned without change.
  public var savedLevels: [UInt8] {
    if let stored { return stored }
    guard let low = values.min(), let high = values.max(), high > low else {
      return [UInt8](repeating: 0, count: values.count)
    }
    let scale = 255 / (Double(high) - Double(low))
    return values.map { UInt8((Double($0) - Double(low)) * scale + 0.5) }
  }

  /// Throws if a map and a reference differ in width or height.
  func requireSize(of reference: BinaryMask) throws {
    guard width == reference.width, height == reference.height else {
      throw MetricError.sizeMismatch(
        predictionWidth: width, predictionHeight: height, referenceWidth: reference.width,
        referenceHeight: reference.height)
    }
  }
}
