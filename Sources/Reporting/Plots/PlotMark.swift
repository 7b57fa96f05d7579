/// How a series is drawn: by colour, shape and dashes, so that print and the colour-blind tell series apart.
///
/// Colours are Okabe and Ito's (2008) with a grey first, in `HTMLPage`'s style, made darker or lighter where they need it
/// to have a contrast of 3 to 1 with light and dark paper.
enum PlotMark {
  /// Colours there are.
  static let colours = 7
  /// Shapes there are.
  static let shapes = 8

  /// The class that gives a series its colour.
  static func colour(_ series: Int) -> String { "s\(series % colours)" }

  /// The classes of a series' line: colour and dashes.
  static func line(_ series: Int) -> String { "\(colour(series)) line d\(shape(series) % 4)" }

  /// The shape of a series.
  ///
  /// As there is one shape more than colours, only the 57th series has colour and shape of the first.
  static func shape(_ series: Int) -> Int { series % shapes }

  /// The outline of a shape about a point, as SVG's path has it.
  ///
  /// - Parameters:
  ///   - shape: its number.
  ///   - x: of its middle.
  ///   - y: of its middle.
  ///   - r: the radius of the circle, to which the others are fitted.
  /// - Returns: a closed path, relative but for its start.
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
