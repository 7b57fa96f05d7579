/// How far apart the centres of neighbouring pixels lie, in millimetres.
public struct PixelSpacing: Codable, Equatable, Sendable {
  /// Millimetres from one column to the next.
  public let x: Double

  /// Millimetres from one row to the next.
  public let y: Double

  /// Checks and keeps a spacing.
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

  /// The steps to measure with: those of a known spacing, or one pixel both ways.
  static func steps(_ spacing: PixelSpacing?) -> (x: Double, y: Double) {
    spacing.map { ($0.x, $0.y) } ?? (1, 1)
  }

  /// The length of an image's diagonal, √(width² + height²), in millimetres or, without a spacing, pixels.
  static func diagonal(width: Int, height: Int, _ spacing: PixelSpacing?) -> Double {
    let step = steps(spacing)
    let (x, y) = (Double(width) * step.x, Double(height) * step.y)
    return (x * x + y * y).squareRoot()
  }
}

/// What distances are counted in; named beside them in every output.
public enum DistanceUnit: String, Codable, Sendable {
  /// Distances between pixel centres in pixels.
  case pixels = "px"
  /// Millimetres, where the spacing of the pixels is known.
  case millimetres = "mm"
}
