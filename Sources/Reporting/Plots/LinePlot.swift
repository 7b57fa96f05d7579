import Studies

/// An SVG line plot of numbers over a number: one line per series, with optional intervals.
package struct LinePlot {
  /// One point of a line.
  package struct Point: Equatable, Sendable {
    /// The horizontal value.
    package let x: Double
    /// The vertical value.
    package let y: Double
    /// The ends of its interval or range; nil for none.
    package let range: ClosedRange<Double>?

    /// Makes a point from its parts.
    package init(x: Double, y: Double, range: ClosedRange<Double>? = nil) {
      self.x = x
      self.y = y
      self.range = range
    }
  }

  /// One line.
  package struct Series: Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its points, by increasing x.
    package let points: [Point]

    /// Makes a series from its parts, without points that are not finite.
    package init(name: String, points: [Point]) {
      self.name = name
      self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
    }
  }

  private let series: [Series]
  private let xName: String
  private let yName: String

  /// Makes a plot.
  ///
  /// - Parameters:
  ///   - series: the lines; several lines get a legend.
  ///   - xName: of the horizontal axis.
  ///   - yName: of the vertical axis.
  package init(_ series: [Series], xName: String, yName: String) {
    self.series = series
    self.xName = xName
    self.yName = yName
  }

  /// The maximum number of points that each have a mark and an interval as a stroke.
  ///
  /// Longer lines have marks at some points, and their intervals are a band.
  private static let few = 12

  /// The plot as SVG.
  package var svg: String {
    var drawing = SVGDrawing()
    let top = drawing.legend(series.map(\.name), .line) + 24
    let points = series.flatMap(\.points)
    let isWhole = points.allSatisfy { $0.x == $0.x.rounded() }
    let frame = PlotFrame(
      x: PlotAxis(points.map(\.x), steps: 6, isWhole: isWhole),
      y: PlotAxis(points.flatMap { [$0.y, $0.range?.lowerBound ?? $0.y, $0.range?.upperBound ?? $0.y] }),
      top: top, height: 220)
    frame.draw(in: &drawing, xName: xName, yName: yName)
    for (index, line) in series.enumerated() { draw(index, line.points, frame, &drawing) }
    if points.isEmpty {
      drawing.text("no data", (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, .middle)
    }
    return drawing.svg(
      height: frame.bottom + 42,
      label: "\(yName) over \(xName)"
        + (series.isEmpty ? "" : ": " + series.map(\.name).joined(separator: ", ")))
  }

  private func draw(_ index: Int, _ points: [Point], _ frame: PlotFrame, _ drawing: inout SVGDrawing) {
    // The marks are shifted sideways if the intervals of several series would hide one another.
    let aside =
      points.count <= Self.few
      ? (Double(index) - Double(series.count - 1) / 2) * min(3, 16 / Double(series.count)) : 0
    let places = points.map { (x: frame.across($0.x) + aside, y: frame.up($0.y)) }
    let ranges = points.filter { $0.range != nil }
    if points.count > Self.few, ranges.count > 1 {
      let upper = ranges.map { (x: frame.across($0.x), y: frame.up($0.range?.upperBound ?? $0.y)) }
      let lower = ranges.map { (x: frame.across($0.x), y: frame.up($0.range?.lowerBound ?? $0.y)) }
      drawing.polyline("\(PlotMark.colour(index)) band", upper + lower.reversed())
    } else {
      for (point, place) in zip(points, places) {
        guard let range = point.range else { continue }
        drawing.line(
          "\(PlotMark.colour(index)) interval", place.x, frame.up(range.lowerBound), place.x,
          frame.up(range.upperBound))
      }
    }
    if points.count > 1 { drawing.polyline(PlotMark.line(index), places) }
    // A long line has six marks; each series has them at different points.
    let step = points.count <= Self.few ? 1 : max(1, points.count / 6)
    for (number, place) in places.enumerated()
    where number % step == (index * step / max(1, series.count)) % step {
      drawing.mark(index, place.x, place.y, r: 4)
    }
  }
}
