import Studies

/// An SVG plot of horizontal bars from zero in groups.
///
/// There is one bar per series, with its mark at the end.
package struct BarPlot {
  /// One group of bars.
  package struct Group: Equatable, Sendable {
    /// The text above it.
    package let label: String
    /// One value per series; nil for none.
    package let values: [Double?]

    /// Makes a group from its parts.
    package init(label: String, values: [Double?]) {
      self.label = label
      self.values = values
    }
  }

  private let series: [String]
  private let groups: [Group]
  private let valueName: String
  private let reference: (value: Double, name: String)?
  private let including: [Double]

  /// Makes a plot.
  ///
  /// - Parameters:
  ///   - series: names for the legend; no legend for a single series.
  ///   - groups: from top to bottom.
  ///   - valueName: the name of the measured value.
  ///   - reference: a value that a dashed line marks, with its name.
  ///   - including: further values that the axis must include, so that adjacent plots have the same
  ///     axis.
  package init(
    series: [String], groups: [Group], valueName: String, reference: (value: Double, name: String)? = nil,
    including: [Double] = []
  ) {
    self.series = series
    self.groups = groups
    self.valueName = valueName
    self.reference = reference
    self.including = including
  }

  /// The plot as SVG.
  package var svg: String {
    var drawing = SVGDrawing()
    let legend = drawing.legend(series, .bar)
    let top = legend + (reference == nil ? 6 : 22)
    let pitch = series.count > 3 ? 10.0 : 13.0
    let height = 20 + pitch * Double(max(1, series.count)) + 7
    let bottom = top + max(30, height * Double(groups.count))
    let values = groups.flatMap(\.values).compactMap { $0 }.filter(\.isFinite)
    let axis = PlotAxis(values + including + [0] + (reference.map { [$0.value] } ?? []))
    let (left, right) = (22.0, SVGDrawing.width - 22)
    func x(_ value: Double) -> Double { axis.place(value, from: left, to: right) }
    for tick in axis.ticks {
      drawing.line("grid", x(tick), top, x(tick), bottom)
      drawing.text(axis.label(tick), x(tick), bottom + 16, .middle, style: "faint")
    }
    for (index, group) in groups.enumerated() {
      let start = top + height * Double(index)
      drawing.text(group.label, 2, start + 14, width: SVGDrawing.width - 4)
      for (place, value) in group.values.enumerated() {
        guard let value, value.isFinite else { continue }
        let y = start + 20 + pitch * Double(place)
        drawing.rectangle(
          "\(PlotMark.colour(place)) bar", x: min(x(0), x(value)), y: y, width: abs(x(value) - x(0)),
          height: pitch - 3)
        drawing.mark(place, x(value), y + (pitch - 3) / 2, r: 3.6)
      }
    }
    drawing.line("axis", x(0), top, x(0), bottom)
    if let reference {
      drawing.line("zero", x(reference.value), top - 4, x(reference.value), bottom)
      let isRight = x(reference.value) > (left + right) / 2
      drawing.text(
        reference.name, x(reference.value), top - 8, isRight ? .end : .start, style: "faint",
        width: right - left)
    }
    if groups.isEmpty { drawing.text("no data", (left + right) / 2, top + 19, .middle) }
    drawing.text(valueName, (left + right) / 2, bottom + 33, .middle, style: "faint", width: right - left)
    return drawing.svg(
      height: bottom + 40,
      label: "\(valueName) of \(groups.map(\.label).joined(separator: ", "))"
        + (series.count > 1 ? " by \(series.joined(separator: ", "))" : ""))
  }
}
