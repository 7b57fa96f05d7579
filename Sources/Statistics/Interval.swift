/// A number with the interval that resampling gives it.
public struct Interval: Codable, Equatable, Sendable {
  /// The number over all cases.
  public let value: Double
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  /// Whether zero lies outside: only then is a difference called one.
  public var excludesZero: Bool { low > 0 || high < 0 }

  /// Joins the three numbers.
  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
  }
}
