import Studies

/// Two axes and the rectangle between them; it draws grid, numbers and names for all plots.
struct PlotFrame {
  /// The left edge of the rectangle.
  let left: Double
  /// The right edge.
  let right: Double
  /// The upper edge.
  let top: Double
  /// The lower edge.
  let bottom: Double
  /// The axis from left to right.
  let x: PlotAxis
  /// The axis from bottom to top.
  let y: PlotAxis

  /// Makes a frame across a drawing.
  ///
  /// `beside` is another vertical axis with which the left edge is aligned.
  init(x: PlotAxis, y: PlotAxis, beside other: PlotAxis? = nil, top: Double, height: Double) {
    let labels = y.ticks.map(y.label) + (other.map { $0.ticks.map($0.label) } ?? [])
    left = Double(labels.map(\.count).max() ?? 1) * SVGDrawing.letter + 10
    right = SVGDrawing.width - 12
    self.top = top
    bottom = top + height
    self.x = x
    self.y = y
  }

  /// Returns the coordinate of a value of the horizontal axis.
  func across(_ value: Double) -> Double { x.place(value, from: left, to: right) }
  /// Returns the coordinate of a value of the vertical axis.
  func up(_ value: Double) -> Double { y.place(value, from: bottom, to: top) }

  /// Draws grid, numbers and names.
  ///
  /// - Parameters:
  ///   - drawing: the destination.
  ///   - xName: the name of the horizontal axis, below it.
  ///   - yName: the name of the vertical axis, above it.
  ///   - showsNumbers: whether to draw numbers below the horizontal axis.
  func draw(in drawing: inout SVGDrawing, xName: String = "", yName: String = "", showsNumbers: Bool = true) {
    for tick in y.ticks {
      drawing.line("grid", left, up(tick), right, up(tick))
      drawing.text(y.label(tick), left - 6, up(tick) + 4, .end, style: "faint")
    }
    for tick in x.ticks {
      drawing.line("grid", across(tick), top, across(tick), bottom)
      if showsNumbers { drawing.text(x.label(tick), across(tick), bottom + 17, .middle, style: "faint") }
    }
    drawing.line("axis", left, bottom, right, bottom)
    if !yName.isEmpty { drawing.text(yName, 2, top - 12, style: "faint", width: SVGDrawing.width) }
    if !xName.isEmpty {
      drawing.text(xName, (left + right) / 2, bottom + 34, .middle, style: "faint", width: right - left)
    }
  }
}
