import Datasets
import Foundation
import Metrics
import Torch

/// Smooths the probabilities of frames in time, and marks lesions with hysteresis (ours).
///
/// The map of a frame is mixed with the mean of the frames before: m ← m + a·(p − m), where
/// a = 1 − exp(−Δt/τ) for the time Δt since the last frame. So the frame rate plays no part. A pixel
/// becomes lesion where m reaches the threshold, and stays lesion while m reaches a share of it.
/// Frames of the future play no part. There is no compensation of motion.
struct MaskSmoother {
  private let seconds: Double
  private let keep: Double
  private let rule: MaskRule
  /// The step where timestamps do not grow, in seconds.
  private static let unknownStep = 0.04

  private var mean: Tensor?
  private var marked: Tensor?
  private var time = 0.0

  /// Makes a smoother.
  ///
  /// - Parameters:
  ///   - settings: the time constant and the share of the threshold.
  ///   - rule: the rule of masks.
  init(_ settings: VideoSettings, rule: MaskRule) {
    (seconds, keep, self.rule) = (settings.smooth, settings.keep, rule)
  }

  /// Forgets the frames before.
  mutating func reset() { (mean, marked) = (nil, nil) }

  /// Takes a frame into account.
  ///
  /// - Parameters:
  ///   - probability: float32, H×W or K×H×W.
  ///   - time: the timestamp of the frame in seconds.
  /// - Returns: the mask of the frame alone, and the smoothed one, both bool of the same shape.
  /// - Throws: `TorchError` if memory is short.
  mutating func callAsFunction(
    _ probability: Tensor, time: Double
  ) throws -> (raw: Tensor, smoothed: Tensor) {
    let raw = try rule.mask(probability)
    guard seconds > 0 else { return (raw, raw) }
    guard let mean, let marked, mean.shape == probability.shape else {
      (self.mean, self.marked, self.time) = (probability, raw, time)
      return (raw, raw)
    }
    let step = time > self.time ? time - self.time : Self.unknownStep
    let weight = 1 - exp(-step / seconds)
    let smooth = try mean + (probability - mean) * weight
    let smoothed = try rule.cleaned(rule.threshold.mask(smooth).or(kept(smooth, marked)))
    (self.mean, self.marked, self.time) = (smooth, smoothed, time)
    return (raw, smoothed)
  }

  /// Marks what was lesion before and reaches the share of the threshold.
  private func kept(_ smooth: Tensor, _ before: Tensor) throws -> Tensor {
    let maps = try smooth.maskOfEachClass()
    let enough = try maps.map { try $0.atLeast(rule.threshold.level(of: $0) * keep) }
    return try (smooth.rank > 2 ? .stacked(enough) : enough[0]).and(before)
  }
}
