/// The quartiles and extremes of some measurements.
package struct Spread: Codable, Equatable, Sendable {
  /// The number of measurements.
  package let count: Int
  /// The minimum.
  package let minimum: Double
  /// The first quartile.
  package let lower: Double
  /// The median.
  package let median: Double
  /// The third quartile.
  package let upper: Double

  /// Describes measurements; quartiles are interpolated linearly between ranks.
  ///
  /// - Parameter values: the measurements; the result is nil if there are none.
  package init?(of values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first else { return nil }
    func quantile(_ share: Double) -> Double {
      let rank = share * Double(sorted.count - 1)
      let below = Int(rank)
      let above = min(below + 1, sorted.count - 1)
      return sorted[below] + (sorted[above] - sorted[below]) * (rank - Double(below))
    }
    count = sorted.count
    minimum = first
    (lower, median, upper) = (quantile(0.25), quantile(0.5), quantile(0.75))
  }

  /// Returns the ratio of their time to ours, round by round: above 1 if ours is faster.
  ///
  /// The measurements of one round are made one after the other. So a temporary slowdown of the
  /// machine cancels out.
  ///
  /// - Parameters:
  ///   - theirs: one measurement per round.
  ///   - ours: of the same rounds.
  /// - Returns: the spread of the ratios; nil without a common round.
  package static func ratio(of theirs: [Double], to ours: [Double]) -> Spread? {
    Spread(of: zip(theirs, ours).compactMap { $1 > 0 ? $0 / $1 : nil })
  }
}
