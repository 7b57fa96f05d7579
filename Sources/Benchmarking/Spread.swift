/// Where the middle of some measurements lies, and how far they scatter.
package struct Spread: Codable, Equatable, Sendable {
  /// How many there are.
  package let count: Int
  /// The smallest.
  package let minimum: Double
  /// The first quartile.
  package let lower: Double
  /// The middle one.
  package let median: Double
  /// The third quartile.
  package let upper: Double

  /// Describes measurements; quartiles are interpolated linearly between ranks.
  ///
  /// - Parameter values: nil is given when there are none.
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

  /// How many times as long theirs took, round by round: above 1 where ours is quicker.
  ///
  /// Measurements of one round were taken one after the other, so what slows the machine for a while cancels.
  ///
  /// - Parameters:
  ///   - theirs: one measurement a round.
  ///   - ours: of the same rounds.
  /// - Returns: the spread of the ratios; nil without a common round.
  package static func ratio(of theirs: [Double], to ours: [Double]) -> Spread? {
    Spread(of: zip(theirs, ours).compactMap { $1 > 0 ? $0 / $1 : nil })
  }
}
