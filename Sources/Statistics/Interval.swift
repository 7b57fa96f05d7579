import Storage

/// A number with its interval from resampling; without one over too few independent units.
public struct Interval: Codable, Equatable, Sendable {
  /// The number over all cases.
  public let value: Double
  /// The lower end; nil without an interval.
  @Nullable public private(set) var low: Double?
  /// The upper end; nil without an interval.
  @Nullable public private(set) var high: Double?
  /// Why there is no interval; nil with one.
  @Nullable public private(set) var reason: String?

  /// Whether zero lies outside the interval; only then does a difference count as one.
  ///
  /// A number without an interval claims nothing.
  public var excludesZero: Bool { ends.map { $0.lowerBound > 0 || $0.upperBound < 0 } ?? false }

  /// Both ends; nil without an interval, or if an end is not a number.
  public var ends: ClosedRange<Double>? {
    guard let low, let high, low <= high else { return nil }
    return low...high
  }

  /// Whether the interval has no width, because all units have the same value.
  ///
  /// The order of additions may leave a difference in the last digits.
  public var hasNoSpread: Bool { ends.map { $0.upperBound - $0.lowerBound < 1e-12 } ?? false }

  /// Makes an interval from three numbers.
  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
    reason = nil
  }

  /// Makes a number without an interval.
  ///
  /// - Parameters:
  ///   - value: the number.
  ///   - reason: why it has no interval.
  public init(value: Double, withoutInterval reason: String) {
    self.value = value
    low = nil
    high = nil
    self.reason = reason
  }

  /// Reads an interval; one of an earlier version has both ends and no reason.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    value = try values.decode(Double.self, forKey: .value)
    low = try values.decodeIfPresent(Double.self, forKey: .low)
    high = try values.decodeIfPresent(Double.self, forKey: .high)
    reason = try values.decodeIfPresent(String.self, forKey: .reason)
  }

  private enum CodingKeys: String, CodingKey {
    case value, low, high, reason
  }
}
