/// A number with its interval from resampling.
public struct Interval: Codable, Equatable, Sendable {
  /// The number over all cases.
  public let value: Double
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  /// Whether zero lies outside the interval; only then does a difference count as one.
  public var excludesZero: Bool { low > 0 || high < 0 }

  /// Makes an interval from three numbers.
  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
  }
}
