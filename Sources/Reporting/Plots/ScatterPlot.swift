import Foundation
import Studies

/// An SVG scatter plot by category; each category has its own colour and shape.
///
/// The axes have no numbers, because it is made for maps without a meaningful unit.
package struct ScatterPlot {
  private let x: [Double]
  private let y: [Double]
  private let categories: [Int]
  private let names: [String]
  private let title: String

  /// Makes a plot.
  ///
  /// - Parameters:
  ///   - title: its title, above it.
  ///   - x: the horizontal values, one per point; points that are not finite are ignored.
  ///   - y: the vertical values, one per point.
  ///   - categories: the category of each point, an index into `names`.
  ///   - names: of the categories.
  package init(_ title: String, x: [Double], y: [Double], categories: [Int], names: [String]) {
    self.title = title
    self.x = x
    self.y = y
    self.categories = categories
    self.names = names
  }

  /// The plot as SVG.
  package var svg: String {
    var drawing = SVGDrawing()
    drawing.text(title, 2, 14, style: "title", width: SVGDrawing.width)
    let top = drawing.legend(names, .mark, top: 20) + 6
    let (left, right, height) = (1.0, SVGDrawing.width - 1, 340.0)
    drawing.rectangle("frame", x: left, y: top, width: right - left, height: height)
    let count = min(x.count, y.count, categories.count)
    let shown = (0..<count).filter {
      x[$0].isFinite && y[$0].isFinite && names.indices.contains(categories[$0])
    }
    // Both directions have the same scale, so that distances are correct.
    let (middleX, spanX) = Self.extent(shown.map { x[$0] })
    let (middleY, spanY) = Self.extent(shown.map { y[$0] })
    let scale = min((right - left - 20) / spanX, (height - 20) / spanY)
    let radius = shown.count > 800 ? 2.2 : shown.count > 200 ? 2.8 : 3.6
    for (category, name) in names.enumerated() {
      let own = shown.filter { categories[$0] == category }
      guard !own.isEmpty else { continue }
      let marks = own.map { index in
        PlotMark.path(
          shape: PlotMark.shape(category), x: (left + right) / 2 + (x[index] - middleX) * scale,
          y: top + height / 2 - (y[index] - middleY) * scale, r: radius)
      }
      drawing.path(
        "\(PlotMark.colour(category)) point", marks.joined(), title: "\(name): \(own.count)")
    }
    if shown.isEmpty { drawing.text("no data", (left + right) / 2, top + height / 2, .middle) }
    return drawing.svg(
      height: top + height + 2, label: "\(title): \(shown.count) points; \(names.joined(separator: ", "))")
  }

  private static func extent(_ values: [Double]) -> (middle: Double, span: Double) {
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    return ((low + high) / 2, max(high - low, 1e-9 * max(1, abs(high)), 1e-30))
  }
}
