import Foundation

/// An SVG drawing for a page; colours and fonts come from the style of the page.
struct SVGDrawing {
  /// The width in units; a unit is about a pixel if the page has space.
  static let width = 420.0
  /// The approximate width of a letter.
  static let letter = 6.8

  private var parts: [String] = []

  /// Formats a coordinate with at most one decimal.
  static func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.isFinite, abs(tenths) < 1e9 else { return "0" }
    let whole = Int(tenths)
    return whole % 10 == 0 ? "\(whole / 10)" : "\(whole < 0 ? "-" : "")\(abs(whole) / 10).\(abs(whole) % 10)"
  }

  /// Estimates the width of a text.
  ///
  /// The font of the page is not known here, so the estimate is rather too wide.
  static func width(of text: some StringProtocol) -> Double {
    text.reduce(0) { $0 + letter * ($1.isUppercase || "mwMW@—".contains($1) ? 1.4 : $1.isASCII ? 1 : 1.6) }
  }

  /// Cuts a text to a width and marks the cut.
  static func fitted(_ text: String, width: Double) -> String {
    guard self.width(of: text) > width else { return text }
    var shown = text[...]
    while shown.count > 1, self.width(of: shown) > width - letter { shown.removeLast() }
    return shown + "…"
  }

  /// Adds a straight line.
  mutating func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    parts.append(
      "<line class=\"\(style)\" x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" "
        + "x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\"/>")
  }

  /// The anchor of a text.
  enum Anchor: String { case start, middle, end }

  /// Adds a text; if it is cut to `width`, a tooltip shows all of it.
  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, style: String = "",
    width: Double = .infinity
  ) {
    let shown = width.isFinite ? Self.fitted(text, width: width) : text
    let whole = shown == text ? "" : "<title>\(HTMLPage.escaped(text))</title>"
    parts.append(
      "<text\(style.isEmpty ? "" : " class=\"\(style)\"") x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
        + "\(anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\"")>\(whole)"
        + "\(HTMLPage.escaped(shown))</text>")
  }

  /// Adds a rectangle.
  mutating func rectangle(_ style: String, x: Double, y: Double, width: Double, height: Double) {
    parts.append(
      "<rect class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" "
        + "width=\"\(Self.number(max(0, width)))\" height=\"\(Self.number(max(0, height)))\"/>")
  }

  /// Adds a path with the tooltip `title`.
  mutating func path(_ style: String, _ outline: String, title: String = "") {
    parts.append(
      title.isEmpty
        ? "<path class=\"\(style)\" d=\"\(outline)\"/>"
        : "<path class=\"\(style)\" d=\"\(outline)\"><title>\(HTMLPage.escaped(title))</title></path>")
  }

  /// Adds a line through points.
  mutating func polyline(_ style: String, _ points: [(x: Double, y: Double)]) {
    let places = points.map { "\(Self.number($0.x)) \(Self.number($0.y))" }
    path(style, "M" + places.joined(separator: "L"))
  }

  /// Adds the mark of a series.
  mutating func mark(_ series: Int, _ x: Double, _ y: Double, r: Double = 4.5) {
    path(
      "\(PlotMark.colour(series)) mark", PlotMark.path(shape: PlotMark.shape(series), x: x, y: y, r: r))
  }

  /// The symbol of a series in the legend.
  enum Key { case mark, line, bar }

  /// Adds a legend, which wraps to further lines; none for a single series without a name.
  ///
  /// - Parameters:
  ///   - names: of the series, in order.
  ///   - key: the symbol of each.
  ///   - top: its upper end.
  ///   - first: the index of the first series among all.
  /// - Returns: its lower end.
  mutating func legend(_ names: [String], _ key: Key, top: Double = 0, first: Int = 0) -> Double {
    guard names.count > 1 else { return top }
    let sample = key == .mark ? 16.0 : 28.0
    var (x, y) = (2.0, top + 14)
    for (index, name) in names.enumerated() {
      let series = first + index
      let shown = Self.fitted(name, width: Self.width - sample - 8)
      let width = sample + Self.width(of: shown) + 14
      if x > 2, x + width - 14 > Self.width { (x, y) = (2, y + 19) }
      switch key {
      case .mark: mark(series, x + 5, y - 4)
      case .line:
        line(PlotMark.line(series), x, y - 4, x + 22, y - 4)
        mark(series, x + 11, y - 4, r: 4)
      case .bar:
        rectangle("\(PlotMark.colour(series)) bar", x: x, y: y - 8, width: 16, height: 8)
        mark(series, x + 17, y - 4, r: 4)
      }
      text(name, x + sample, y, width: Self.width - sample - 8)
      x += width
    }
    return y + 10
  }

  /// Returns the whole drawing.
  ///
  /// - Parameters:
  ///   - height: the height in units.
  ///   - label: a description for readers who cannot see it.
  /// - Returns: SVG.
  func svg(height: Double, label: String) -> String {
    let text = HTMLPage.escaped(label)
    return
      "<svg class=\"plot\" viewBox=\"0 0 \(Self.number(Self.width)) \(Self.number(height))\" role=\"img\" "
      + "aria-label=\"\(text)\"><title>\(text)</title>\n\(parts.joined(separator: "\n"))</svg>"
  }
}
