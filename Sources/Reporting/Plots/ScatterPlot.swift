import Foundation
import Studies

/// Points in the plane by category, each with a colour and a shape of its own; as SVG.
///
/// The axes have no numbers: it is made for maps whose unit means nothing.
package struct ScatterPlot {
  private let x: [Double]
  private let y: [Double]
  private let categories: [Int]
  private let names: [String]
  private let title: String

  /// Describes a plot.
  ///
  /// - Parameters:
  ///   - title: what it shows, above it.
  ///   - x: along, one a point; points that are not finite are left out.
  ///   - y: up, one a point.
  ///   - categories: the category of each point, an index into `names`.
  ///   - names: of the categories.
  package init(_ title: String, x: [Double], y: [Double], categories: [Int], names: [String]) {
    self.title = title
    self.x = x
    self.y = y
    self.categories = categories
    self.names = names
  }

  /// The drawing.
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
    // One scale for both directions, for distances to be true in all.
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
