import Foundation

/// A plot of numbers with their intervals: one row a site, one mark a series; as SVG.
public struct IntervalPlot {
  /// One row and its marks, one for each series, nil where there is none.
  public struct Row {
    /// What stands at its left.
    public let label: String
    /// The marks in the order of the series.
    public let marks: [Interval?]

    /// Makes a row.
    public init(label: String, marks: [Interval?]) {
      self.label = label
      self.marks = marks
    }
  }

  private let series: [String]
  private let rows: [Row]
  private let showsZero: Bool

  /// Describes a plot.
  ///
  /// - Parameters:
  ///   - series: names for the legend; no legend for a single series.
  ///   - rows: from top to bottom.
  ///   - showsZero: whether zero belongs to the axis and is marked, for differences.
  public init(series: [String], rows: [Row], showsZero: Bool = false) {
    self.series = series
    self.rows = rows
    self.showsZero = showsZero
  }

  /// The drawing.
  public var svg: String {
    let (left, right, top) = (130.0, 690.0, series.count > 1 ? 34.0 : 12.0)
    let rowHeight = 16.0 * Double(series.count) + 14
    let bottom = top + rowHeight * Double(rows.count)
    let ticks = Self.ticks(bounds.low, bounds.high)
    let (low, high) = (ticks.first ?? 0, ticks.last ?? 1)
    func x(_ value: Double) -> Double { left + (value - low) / max(1e-9, high - low) * (right - left) }
    func n(_ value: Double) -> String { String(format: "%.1f", value) }
    var parts: [String] = []
    for tick in ticks {
      let style = showsZero && abs(tick) < 1e-9 ? "zero" : "axis"
      parts.append(
        "<line class=\"\(style)\" x1=\"\(n(x(tick)))\" x2=\"\(n(x(tick)))\" y1=\"\(n(top))\" y2=\"\(n(bottom))\"/>"
          + "<text class=\"faint\" text-anchor=\"middle\" x=\"\(n(x(tick)))\" y=\"\(n(bottom + 16))\">"
          + Self.label(tick) + "</text>")
    }
    if series.count > 1 {
      for (index, name) in series.enumerated() {
        let place = left + 150 * Double(index)
        parts.append(
          "<circle class=\"series\(index % 2)\" cx=\"\(n(place))\" cy=\"14\" r=\"5\"/>"
            + "<text x=\"\(n(place + 10))\" y=\"18\">\(HTMLPage.escaped(name))</text>")
      }
    }
    for (index, row) in rows.enumerated() {
      let start = top + rowHeight * Double(index)
      parts.append(
        "<text text-anchor=\"end\" x=\"\(n(left - 12))\" y=\"\(n(start + rowHeight / 2 + 4))\">"
          + HTMLPage.escaped(row.label) + "</text>")
      for (place, mark) in row.marks.enumerated() {
        guard let mark else { continue }
        let y = start + 15 + 16 * Double(place)
        parts.append(
          "<line class=\"series\(place % 2)\" stroke-width=\"2\" x1=\"\(n(x(mark.low)))\" x2=\"\(n(x(mark.high)))\" "
            + "y1=\"\(n(y))\" y2=\"\(n(y))\"/>"
            + "<circle class=\"series\(place % 2)\" cx=\"\(n(x(mark.value)))\" cy=\"\(n(y))\" r=\"4.5\"/>")
      }
    }
    return
      "<svg viewBox=\"0 0 720 \(n(bottom + 24))\" width=\"720\" role=\"img\">\(parts.joined(separator: "\n"))</svg>"
  }

  private var bounds: (low: Double, high: Double) {
    let marks = rows.flatMap(\.marks).compactMap { $0 }
    let ends = marks.map(\.low) + marks.map(\.high) + (showsZero ? [0] : [])
    return (ends.min() ?? 0, ends.max() ?? 1)
  }

  /// Round numbers that enclose a range, about six of them.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    let span = max(high - low, 1e-3)
    let rough = span / 5
    let power = pow(10, Foundation.floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    let first = Int((low / step).rounded(.down))
    let last = max(first + 1, Int((high / step).rounded(.up)))
    return (first...last).map { Double($0) * step }
  }

  private static func label(_ value: Double) -> String {
    let text = String(format: "%.3f", abs(value) < 1e-9 ? 0 : value)
    return text.contains(".")
      ? String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed()) : text
  }
}
