import Foundation

/// A learning rate that rises linearly, then falls along half a cosine.
public struct CosineSchedule: Sendable {
  /// The number of steps of the rise.
  public let warmupSteps: Int
  /// The number of all steps.
  public let totalSteps: Int
  /// The fraction of the learning rate at the end.
  public let floor: Double

  /// Makes a schedule.
  ///
  /// - Parameters:
  ///   - warmupSteps: the number of steps of the rise.
  ///   - totalSteps: the number of all steps.
  ///   - floor: the fraction of the learning rate at the end.
  public init(warmupSteps: Int, totalSteps: Int, floor: Double = 0) {
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.floor = floor
  }

  /// Returns the factor of the learning rate at a step, counted from 0.
  ///
  /// - Parameter step: the step, from 0.
  /// - Returns: the factor, from `floor` to 1 after the rise.
  public func scale(at step: Int) -> Double {
    if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
    let length = max(1, totalSteps - warmupSteps)
    let progress = min(1, Double(step - warmupSteps) / Double(length))
    return floor + (1 - floor) * 0.5 * (1 + cos(.pi * progress))
  }
}
