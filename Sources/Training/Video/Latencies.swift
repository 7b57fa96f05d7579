import Foundation

/// The distribution of durations, in constant memory.
///
/// Bins grow by half a percent each, so a quantile is wrong by at most that. The maximum is exact.
package struct LatencyCounts: Sendable {
  private static let shortest = 1e-6
  private static let growth = log(1.005)
  private static let bins = 4200

  private var counts = [Int](repeating: 0, count: bins)
  /// The number of durations.
  package private(set) var count = 0
  /// The longest duration in seconds; 0 without one.
  package private(set) var longest = 0.0

  /// Makes an empty distribution.
  package init() {}

  /// Adds a duration in seconds.
  package mutating func add(_ seconds: Double) {
    guard seconds.isFinite else { return }
    let bin = log(max(seconds, Self.shortest) / Self.shortest) / Self.growth
    counts[min(Self.bins - 1, Int(bin))] += 1
    count += 1
    longest = max(longest, seconds)
  }

  /// Returns the duration that a share of all durations does not exceed.
  ///
  /// - Parameter share: from 0 to 1, such as 0.95.
  /// - Returns: seconds; nil without a duration.
  package func quantile(_ share: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = max(1, Int((min(1, max(0, share)) * Double(count)).rounded(.up)))
    var passed = 0
    for (bin, number) in counts.enumerated() {
      passed += number
      // The upper edge of the bin.
      if passed >= rank { return min(longest, Self.shortest * exp(Double(bin + 1) * Self.growth)) }
    }
    return longest
  }

  /// The quantiles in milliseconds; nil without a duration.
  package var milliseconds: Milliseconds? {
    func value(_ share: Double) -> Double { ((quantile(share) ?? 0) * 1e5).rounded() / 100 }
    guard count > 0 else { return nil }
    return Milliseconds(
      p50: value(0.5), p95: value(0.95), p99: value(0.99), max: (longest * 1e5).rounded() / 100)
  }

  /// Quantiles of a duration in milliseconds.
  package struct Milliseconds: Codable, Equatable, Sendable {
    /// The median.
    package let p50: Double
    /// The 95th percentile.
    package let p95: Double
    /// The 99th percentile.
    package let p99: Double
    /// The longest.
    package let max: Double
  }
}
