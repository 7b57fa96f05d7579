/// A measure at each of the 256 thresholds k/255, from 0 to 1.
struct ThresholdCurve: Codable, Equatable, Sendable {
  /// The number of thresholds.
  static let count = 256

  /// The values; the value for threshold k/255 has index k.
  private(set) var values: [Double]

  /// The values of every curve without images; curves share them until they change.
  private static let zeros = [Double](repeating: 0, count: count)

  /// Makes a curve of zeros.
  init() { values = Self.zeros }

  /// Calls a closure for the value at every threshold.
  init(_ value: (_ threshold: Int) -> Double) { values = (0..<Self.count).map(value) }

  /// Reads a curve; it needs as many values as thresholds.
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    values = try container.decode([Double].self)
    guard values.count == Self.count else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a curve needs \(Self.count) values, \(values.count) were found")
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }

  /// The mean over the thresholds.
  var mean: Double { values.reduce(0, +) / Double(Self.count) }

  /// The largest value at any threshold.
  var max: Double { values.reduce(-.infinity) { Swift.max($0, $1) } }

  static func + (first: Self, second: Self) -> Self { Self { first.values[$0] + second.values[$0] } }
  static func / (curve: Self, divisor: Double) -> Self { Self { curve.values[$0] / divisor } }
}
