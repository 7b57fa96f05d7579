import Foundation
import Storage
import Studies

/// One axis of a plot: the range that it shows and the round numbers that are written at it.
struct PlotAxis {
  /// Where it starts.
  let low: Double
  /// Where it ends.
  let high: Double
  /// What is written at it, from `low` to `high`.
  let ticks: [Double]
  /// Whether equal steps are equal factors.
  let isLogarithmic: Bool

  /// An axis of round numbers that enclose some values.
  ///
  /// - Parameters:
  ///   - values: what it has to show; those that are not finite are passed over.
  ///   - steps: about how many steps it should have.
  ///   - isWhole: whether only whole numbers are written at it.
  init(_ values: [Double], steps: Int = 5, isWhole: Bool = false) {
    let finite = values.filter(\.isFinite)
    ticks = Self.ticks(
      finite.min() ?? 0, finite.max() ?? 1, steps: steps, least: isWhole ? 1 : 0)
    low = ticks.first ?? 0
    high = ticks.last ?? 1
    isLogarithmic = false
  }

  /// An axis from the first to the last of some ticks.
  init(ticks: [Double]) {
    self.ticks = ticks
    low = ticks.first ?? 0
    high = ticks.last ?? 1
    isLogarithmic = false
  }

  /// An axis of powers of ten that enclose some positive values; others are passed over.
  init(powersOfTen values: [Double]) {
    let usable = values.filter { $0.isFinite && $0 > 0 }
    let last = Foundation.ceil(log10(usable.max() ?? 1) - 1e-9)
    let first = min(last - 1, Foundation.floor(log10(usable.min() ?? 1) + 1e-9))
    let powers = Array(stride(from: first, through: last, by: 1))
    let step = (powers.count + 4) / 5
    // From the top down, where the largest value is.
    ticks = powers.reversed().enumerated().filter { $0.offset % step == 0 }.map { pow(10, $0.element) }
      .reversed()
    low = pow(10, first)
    high = pow(10, last)
    isLogarithmic = true
  }

  /// Where a value stands between two places of a drawing; values outside the range stand at its ends.
  func place(_ value: Double, from start: Double, to end: Double) -> Double {
    let share =
      isLogarithmic
      ? (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low)) : (value - low) / (high - low)
    return start + (share.isFinite ? min(1, max(0, share)) : 0) * (end - start)
  }

  /// A tick as it is written: with as many decimals as the steps need.
  func label(_ tick: Double) -> String {
    if isLogarithmic, tick < 1e-3 || tick >= 1e4 { return "1e\(Int(log10(tick).rounded()))" }
    let step = isLogarithmic ? tick : ticks.count > 1 ? ticks[1] - ticks[0] : 1
    return NumberText.text(tick, decimals: max(0, min(6, -Int(Foundation.floor(log10(step) + 1e-9)))))
  }

  /// Round numbers, evenly spaced, that enclose a range.
  ///
  /// - Parameters:
  ///   - low: the lower end.
  ///   - high: the upper end; when it is the same, some room is made on both sides.
  ///   - steps: about how many steps between them.
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
