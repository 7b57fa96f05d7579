import Foundation
import Statistics
import Storage
import Studies

/// An SVG plot of numbers with their intervals: one row per site, one mark per series.
package struct IntervalPlot {
  /// One row and its marks, one per series; nil for none.
  package struct Row {
    /// The text above it.
    package let label: String
    /// The marks in the order of the series.
    package let marks: [Interval?]

    /// Makes a row.
    package init(label: String, marks: [Interval?]) {
      self.label = label
      self.marks = marks
    }
  }

  private let series: [String]
  private let rows: [Row]
  private let showsZero: Bool
  private let first: Int

  /// Makes a plot.
  ///
  /// - Parameters:
  ///   - series: names for the legend; no legend for a single series.
  ///   - rows: from top to bottom.
  ///   - showsZero: whether zero belongs to the axis and is marked, for differences.
  ///   - first: the index of the first series among all, which determines colours and marks.
  package init(series: [String], rows: [Row], showsZero: Bool = false, first: Int = 0) {
    self.first = first
    self.series = series
    self.rows = rows
    self.showsZero = showsZero
  }

  /// The plot as SVG.
  package var svg: String {
    var drawing = SVGDrawing()
    let top = drawing.legend(series, .mark, first: first) + 4
    let height = 20 + 15 * Double(max(1, series.count)) + 6
    let bottom = top + max(30, height * Double(rows.count))
    let marks = rows.flatMap(\.marks).compactMap { $0 }
    let axis = PlotAxis(
      marks.flatMap { [$0.value] + ($0.ends.map { [$0.lowerBound, $0.upperBound] } ?? []) }
        + (showsZero ? [0] : []))
    let (left, right) = (22.0, SVGDrawing.width - 66)
    let decimals = max(abs(axis.low), abs(axis.high)) < 10 ? 3 : 1
    func x(_ value: Double) -> Double { axis.place(value, from: left, to: right) }
    for tick in axis.ticks {
      let isZero = showsZero && abs(tick) < 1e-9
      // The lines leave out the labels of the rows.
      for row in 0..<max(1, rows.count) {
        let start = top + height * Double(row)
        drawing.line(
          isZero ? "zero" : "grid", x(tick), start + (rows.isEmpty ? 0 : 19), x(tick),
          row + 1 < rows.count ? start + height : bottom)
      }
      drawing.text(axis.label(tick), x(tick), bottom + 16, .middle, style: "faint")
    }
    for (index, row) in rows.enumerated() {
      let start = top + height * Double(index)
      drawing.text(row.label, 2, start + 14, style: "row", width: SVGDrawing.width - 4)
      for (place, mark) in row.marks.enumerated() {
        guard let mark, mark.value.isFinite else { continue }
        let y = start + 27 + 15 * Double(place)
        if let ends = mark.ends, ends.lowerBound.isFinite, ends.upperBound.isFinite {
          drawing.line(
            "\(PlotMark.colour(first + place)) interval", x(ends.lowerBound), y, x(ends.upperBound), y)
        }
        drawing.mark(first + place, x(mark.value), y)
        let number = NumberText.text(mark.value, decimals: decimals)
        drawing.text(
          (showsZero && mark.value > 0 ? "+" : "") + number, SVGDrawing.width - 2, y + 4, .end,
          style: "number")
      }
    }
    if marks.isEmpty { drawing.text("no data", (left + right) / 2, top + 19, .middle) }
    return drawing.svg(
      height: bottom + 24,
      label: "\(series.joined(separator: ", ")) with intervals by row: "
        + rows.map(\.label).joined(separator: ", "))
  }
}
