/// A number with the interval that resampling gives it.
package struct Interval: Codable, Equatable, Sendable {
  /// The number over all cases.
  package let value: Double
  /// The lower end.
  package let low: Double
  /// The upper end.
  package let high: Double

  /// Whether zero lies outside: only then is a difference called one.
  package var excludesZero: Bool { low > 0 || high < 0 }

  /// Joins the three numbers.
  package init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
  }
}
