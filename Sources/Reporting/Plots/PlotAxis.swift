import Foundation
import Storage
import Studies

/// One axis of a plot: its range and its round tick values.
struct PlotAxis {
  /// The start of the range.
  let low: Double
  /// The end of the range.
  let high: Double
  /// The tick values, from `low` to `high`.
  let ticks: [Double]
  /// Whether the axis is logarithmic: equal steps are equal factors.
  let isLogarithmic: Bool

  /// Makes an axis of round numbers that enclose some values.
  ///
  /// - Parameters:
  ///   - values: the values to show; those that are not finite are ignored.
  ///   - steps: the approximate number of steps.
  ///   - isWhole: whether ticks are only whole numbers.
  init(_ values: [Double], steps: Int = 5, isWhole: Bool = false) {
    let finite = values.filter(\.isFinite)
    ticks = Self.ticks(
      finite.min() ?? 0, finite.max() ?? 1, steps: steps, least: isWhole ? 1 : 0)
    low = ticks.first ?? 0
    high = ticks.last ?? 1
    isLogarithmic = false
  }

  /// Makes an axis from the first to the last of some ticks.
  init(ticks: [Double]) {
    self.ticks = ticks
    low = ticks.first ?? 0
    high = ticks.last ?? 1
    isLogarithmic = false
  }

  /// Makes an axis of powers of ten that enclose some positive values; it ignores others.
  init(powersOfTen values: [Double]) {
    let usable = values.filter { $0.isFinite && $0 > 0 }
    let last = Foundation.ceil(log10(usable.max() ?? 1) - 1e-9)
    let first = min(last - 1, Foundation.floor(log10(usable.min() ?? 1) + 1e-9))
    let powers = Array(stride(from: first, through: last, by: 1))
    let step = (powers.count + 4) / 5
    // The ticks go down from the top, where the largest value is.
    ticks = powers.reversed().enumerated().filter { $0.offset % step == 0 }.map { pow(10, $0.element) }
      .reversed()
    low = pow(10, first)
    high = pow(10, last)
    isLogarithmic = true
  }

  /// Maps a value to a coordinate between two ends, and clamps values outside the range.
  func place(_ value: Double, from start: Double, to end: Double) -> Double {
    let share =
      isLogarithmic
      ? (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low)) : (value - low) / (high - low)
    return start + (share.isFinite ? min(1, max(0, share)) : 0) * (end - start)
  }

  /// Formats a tick with as many decimals as the steps need.
  func label(_ tick: Double) -> String {
    if isLogarithmic, tick < 1e-3 || tick >= 1e4 { return "1e\(Int(log10(tick).rounded()))" }
    let step = isLogarithmic ? tick : ticks.count > 1 ? ticks[1] - ticks[0] : 1
    return NumberText.text(tick, decimals: max(0, min(6, -Int(Foundation.floor(log10(step) + 1e-9)))))
  }

  /// Returns round numbers, evenly spaced, that enclose a range.
  ///
  /// - Parameters:
  ///   - low: the lower end.
  ///   - high: the upper end; if it equals the lower end, the range grows on both sides.
  ///   - steps: the approximate number of steps.
  ///   - least: the shortest step.
  /// - Returns: at least two.
  static func ticks(_ low: Double, _ high: Double, steps: Int = 5, least: Double = 0) -> [Double] {
    var (low, high) = (min(low, high), max(low, high))
    if high - low < 1e-9 * max(1, abs(high)) {
      let room = max(abs(high) * 0.1, 0.05)
      (low, high) = (low - room, high + room)
    }
    let rough = max((high - low) / Double(max(1, steps)), least)
    let power = pow(10, Foundation.floor(log10(rough) + 1e-9))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * (1 - 1e-9) } ?? rough
    let first = (low / step + 1e-9).rounded(.down)
    let last = max(first + 1, (high / step - 1e-9).rounded(.up))
    return (0...Int(last - first)).map { (first + Double($0)) * step }
  }
}
