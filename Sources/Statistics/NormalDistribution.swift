import Foundation

/// Tails of the standard normal distribution.
public enum NormalDistribution {
  /// How likely a standard normal number is at least as far from zero as `z`.
  public static func twoSided(_ z: Double) -> Double { erfc(abs(z) / 2.0.squareRoot()) }
}
