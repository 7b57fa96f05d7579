/// The style of a series: colour, shape and dashes distinguish series.
///
/// So series are distinct in print and for colour-blind readers. Colours are those of Okabe and Ito
/// (2008) after a grey, in the style of `HTMLPage`. They are made darker or lighter if needed for a
/// contrast of 3 to 1 with light and dark paper.
enum PlotMark {
  /// The number of colours.
  static let colours = 7
  /// The number of shapes.
  static let shapes = 8

  /// Returns the CSS class of the colour of a series.
  static func colour(_ series: Int) -> String { "s\(series % colours)" }

  /// Returns the CSS classes of the line of a series: colour and dashes.
  static func line(_ series: Int) -> String { "\(colour(series)) line d\(shape(series) % 4)" }

  /// Returns the shape of a series.
  ///
  /// There is one shape more than colours. So only the 57th series has the colour and shape of the
  /// first.
  static func shape(_ series: Int) -> Int { series % shapes }

  /// Returns the outline of a shape around a point, as an SVG path.
  ///
  /// - Parameters:
  ///   - shape: its number.
  ///   - x: of its centre.
  ///   - y: of its centre.
  ///   - r: the radius of the circle, to which the other shapes are fitted.
  /// - Returns: a closed path, relative except for its start.
  static func path(shape: Int, x: Double, y: Double, r: Double) -> String {
    func n(_ value: Double) -> String { SVGDrawing.number(value) }
    func polygon(_ points: [(Double, Double)]) -> String {
      var text = ""
      var last = (0.0, 0.0)
      for (index, point) in points.enumerated() {
        let place = (point.0 * r, point.1 * r)
        text +=
          index == 0
          ? "M\(n(x + place.0)) \(n(y + place.1))" : "l\(n(place.0 - last.0)) \(n(place.1 - last.1))"
        last = place
      }
      return text + "z"
    }
    let arm = 0.38
    let plus = [
      (-arm, -1.1), (arm, -1.1), (arm, -arm), (1.1, -arm), (1.1, arm), (arm, arm), (arm, 1.1), (-arm, 1.1),
      (-arm, arm), (-1.1, arm), (-1.1, -arm), (-arm, -arm),
    ]
    switch shape % shapes {
    case 0:
      return "M\(n(x - r)) \(n(y))a\(n(r)) \(n(r)) 0 1 0 \(n(2 * r)) 0a\(n(r)) \(n(r)) 0 1 0 \(n(-2 * r)) 0z"
    case 1: return polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
    case 2: return polygon([(0, -1.15), (1.1, 0.85), (-1.1, 0.85)])
    case 3: return polygon([(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)])
    case 4: return polygon([(0, 1.15), (1.1, -0.85), (-1.1, -0.85)])
    case 5: return polygon(plus)
    case 6: return polygon(plus.map { (0.7071 * ($0.0 - $0.1), 0.7071 * ($0.0 + $0.1)) })
    default: return polygon([(-1, -1), (1, -1), (-1, 1), (1, 1)])
    }
  }
}
