import Foundation

/// The tails of the standard normal distribution.
public enum NormalDistribution {
  /// Returns the chance that a standard normal number is at least as far from zero as `z`.
  public static func twoSided(_ z: Double) -> Double { erfc(abs(z) / 2.0.squareRoot()) }
}
