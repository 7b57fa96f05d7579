/// The distance between the centres of neighbouring pixels, in millimetres.
public struct PixelSpacing: Codable, Equatable, Sendable {
  /// Millimetres from one column to the next.
  public let x: Double

  /// Millimetres from one row to the next.
  public let y: Double

  /// Makes a spacing and checks it.
  ///
  /// - Parameters:
  ///   - x: Millimetres from one column to the next.
  ///   - y: Millimetres from one row to the next.
  /// - Throws: ``MetricError/invalidSpacing(x:y:)`` unless both are positive and finite.
  public init(x: Double, y: Double) throws {
    guard x.isFinite, y.isFinite, x > 0, y > 0 else { throw MetricError.invalidSpacing(x: x, y: y) }
    self.x = x
    self.y = y
  }

  /// Returns the steps for measurement: those of a known spacing, or one pixel in both directions.
  static func steps(_ spacing: PixelSpacing?) -> (x: Double, y: Double) {
    spacing.map { ($0.x, $0.y) } ?? (1, 1)
  }

  /// Computes the image diagonal, √(width² + height²).
  ///
  /// It is in millimetres or, without a spacing, in pixels.
  static func diagonal(width: Int, height: Int, _ spacing: PixelSpacing?) -> Double {
    let step = steps(spacing)
    let (x, y) = (Double(width) * step.x, Double(height) * step.y)
    return (x * x + y * y).squareRoot()
  }
}

/// The unit of distances; every output names it.
public enum DistanceUnit: String, Codable, Sendable {
  /// Pixels, between pixel centres.
  case pixels = "px"
  /// Millimetres, if the spacing of the pixels is known.
  case millimetres = "mm"
}
