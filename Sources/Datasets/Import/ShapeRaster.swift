import Foundation
import Imaging

/// Draws the shapes of an annotation format as a mask.
///
/// A polygon has the pixels that COCO's own library gives it (`PolygonColumns`). An ellipse has the
/// pixels whose middle is inside. Runs and pixels of boxes are drawn as they are; parts outside the
/// image are cut off.
package enum ShapeRaster {
  /// The largest number of columns that the polygons of an image pass together.
  package static let mostPassages = 1 << 24

  /// Draws shapes in order, later ones over earlier ones.
  ///
  /// - Parameters:
  ///   - shapes: the shapes.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  ///   - labels: the value of each label, 0 to 255; empty to draw all shapes with 255.
  ///   - source: the annotation file, for errors.
  ///   - most: the largest number of columns that the polygons pass together.
  /// - Returns: one channel: 0 for the background, the label's value, or 255 without values.
  /// - Throws: `ImportError.malformed` with the source, or `ShapeError` without one.
  package static func mask(
    of shapes: [LabelledShape], width: Int, height: Int, labels: [String: Int], source: URL? = nil,
    most: Int = mostPassages
  ) throws -> Image {
    do {
      guard width > 0, height > 0, !width.multipliedReportingOverflow(by: height).overflow else {
        throw ShapeError.size(width: width, height: height)
      }
      var canvas = Canvas(width: width, height: height, mostPassages: most)
      for shape in shapes {
        let value = labels.isEmpty ? 255 : labels[shape.label]
        guard let value, let level = UInt8(exactly: value) else {
          throw ShapeError.label(shape.label, value: value)
        }
        try canvas.draw(shape.form, level)
      }
      return try Image(width: width, height: height, channels: 1, pixels: canvas.pixels)
    } catch let error as ShapeError {
      guard let source else { throw error }
      throw ImportError.malformed(source, reason: "\(error)")
    }
  }
}

/// A shape that cannot be drawn.
package enum ShapeError: Error, Equatable, CustomStringConvertible {
  /// A point that is no number, or far outside the image.
  case point(Double, Double)
  /// A polygon that passes too many columns.
  case tooIntricate
  /// Polygons of an image that pass too many columns together.
  case tooMuch
  /// Pixels of a box whose number does not fit it.
  case pixels(Int, width: Int, height: Int)
  /// A label without a value from 0 to 255.
  case label(String, value: Int?)
  /// An image without pixels.
  case size(width: Int, height: Int)

  /// A part of a sentence, without the file.
  package var description: String {
    switch self {
    case .point(let x, let y): "a shape has the point (\(x), \(y)); correct it, or draw the shape again"
    case .tooIntricate:
      "a polygon passes more than \(PolygonColumns.mostFlips) columns of pixels; draw it again with fewer "
        + "points"
    case .tooMuch:
      "the polygons of an image pass more than \(ShapeRaster.mostPassages) columns of pixels together; "
        + "draw fewer of them, or export the annotations as masks"
    case .pixels(let count, let width, let height):
      "a mask of \(width) × \(height) pixels has \(count) of them; draw it again"
    case .label(let name, let value):
      value.map { "the label \"\(name)\" has the value \($0); values go from 0 to 255" }
        ?? "the label \"\(name)\" has no value; state it with --labels"
    case .size(let width, let height): "shapes cannot be drawn at \(width) × \(height) pixels"
    }
  }
}

/// The pixels in work.
private struct Canvas {
  let width: Int
  let height: Int
  var pixels: [UInt8]
  /// The columns that further polygons may pass.
  private var passagesLeft: Int

  init(width: Int, height: Int, mostPassages: Int) {
    (self.width, self.height, passagesLeft) = (width, height, mostPassages)
    pixels = [UInt8](repeating: 0, count: width * height)
  }

  mutating func draw(_ form: LabelledShape.Form, _ level: UInt8) throws {
    switch form {
    case .polygon(let rings):
      let columns = try PolygonColumns(rings, width: width, height: height)
      passagesLeft -= columns.passages
      guard passagesLeft >= 0 else { throw ShapeError.tooMuch }
      drawColumns(level) { add in columns.forEachColumn(add) }
    case .ellipse(let centre, let radiusX, let radiusY, let degrees):
      try drawEllipse(centre, radiusX, radiusY, degrees, level)
    case .pixels(let x, let y, let boxWidth, let boxHeight, let values):
      let limit = -RunLengths.largestSide...RunLengths.largestSide
      guard limit.contains(x), limit.contains(y), (0...RunLengths.largestSide).contains(boxWidth),
        (0...RunLengths.largestSide).contains(boxHeight), values.count == boxWidth * boxHeight
      else { throw ShapeError.pixels(values.count, width: boxWidth, height: boxHeight) }
      values.withUnsafeBytes { samples in
        for row in 0..<boxHeight {
          let start = row * boxWidth
          for run in PixelRuns(of: samples, in: start..<start + boxWidth) where run.value != 0 {
            fill(row: y + row, x + run.start - start..<x + run.end - start, level)
          }
        }
      }
    case .runs(let runs) where runs.order == .rows:
      let rows = (0..<height).seen(from: runs.y, runs.height)
      let visible = rows.lowerBound * runs.width..<rows.upperBound * runs.width
      runs.forEachRun { run in
        let run = run.clamped(to: visible)
        var position = run.lowerBound
        while position < run.upperBound {
          let row = position / runs.width
          let end = min(run.upperBound, (row + 1) * runs.width)
          fill(
            row: runs.y + row, runs.x + position - row * runs.width..<runs.x + end - row * runs.width, level)
          position = end
        }
      }
    case .runs(let runs):
      let (rows, columns) = (height, width)
      drawColumns(level) { add in runs.forEachColumn(rows: rows, columns: columns, add) }
    }
  }

  /// Fills a part of a row; what is outside the image is cut off.
  mutating func fill(row: Int, _ columns: Range<Int>, _ level: UInt8) {
    let inside = columns.clamped(to: 0..<width)
    guard (0..<height).contains(row), !inside.isEmpty else { return }
    let (first, last) = (row * width + inside.lowerBound, row * width + inside.upperBound)
    pixels.withUnsafeMutableBufferPointer { pixels in
      pixels[first..<last].update(repeating: level)
    }
  }

  /// Draws columns of pixels; each is a column of the image and the rows where inside flips.
  private mutating func drawColumns(_ level: UInt8, _ columns: ((Int, [Int]) -> Void) -> Void) {
    var runs = CrossRuns(places: height)
    var next = 0
    columns { column, rows in
      if column > next { runs.add([], line: next) { fill(row: $0, $1, level) } }
      runs.add(rows, line: column) { fill(row: $0, $1, level) }
      next = column + 1
    }
    runs.add([], line: next) { fill(row: $0, $1, level) }
  }

  /// Fills the pixels whose middle is inside a turned ellipse, row by row.
  private mutating func drawEllipse(
    _ centre: LabelledShape.Point, _ radiusX: Double, _ radiusY: Double, _ degrees: Double, _ level: UInt8
  ) throws {
    let farthest = PolygonColumns.farthest
    guard abs(centre.x) <= farthest, abs(centre.y) <= farthest else {
      throw ShapeError.point(centre.x, centre.y)
    }
    guard (0...farthest).contains(radiusX), (0...farthest).contains(radiusY), degrees.isFinite else {
      throw ShapeError.point(radiusX, radiusY)
    }
    guard radiusX > 0, radiusY > 0 else { return }
    let angle = degrees.truncatingRemainder(dividingBy: 360) * .pi / 180
    let (sine, cosine) = (sin(angle), cos(angle))
    let (wide, high) = (1 / (radiusX * radiusX), 1 / (radiusY * radiusY))
    // a·dx² + b·dx·dy + c·dy² = 1 at the border.
    let a = cosine * cosine * wide + sine * sine * high
    let b = 2 * sine * cosine * (wide - high)
    let c = sine * sine * wide + cosine * cosine * high
    let reach = max(radiusX, radiusY)
    let top = Int(max(0, (centre.y - reach).rounded(.down)))
    let bottom = Int(min(Double(height), (centre.y + reach).rounded(.up) + 1))
    guard top < bottom else { return }
    for row in top..<bottom {
      let down = Double(row) + 0.5 - centre.y
      let root = b * b * down * down - 4 * a * (c * down * down - 1)
      guard root >= 0 else { continue }
      let (middle, half) = (centre.x - b * down / (2 * a), root.squareRoot() / (2 * a))
      let first = min(max((middle - half - 0.5).rounded(.up), 0), Double(width))
      let last = min(max((middle + half - 0.5).rounded(.down) + 1, 0), Double(width))
      if first < last { fill(row: row, Int(first)..<Int(last), level) }
    }
  }
}

extension RunLengths {
  /// Calls a function with each column of the image that has pixels, and the rows where inside flips.
  ///
  /// - Parameters:
  ///   - rows: the rows of the image; what is outside is cut off.
  ///   - columns: the columns of the image.
  ///   - body: receives the column, from 0 on, and the rows, ascending.
  func forEachColumn(rows: Int, columns: Int, _ body: (Int, [Int]) -> Void) {
    let seen = (0..<columns).seen(from: x, width)
    let visible = seen.lowerBound * height..<seen.upperBound * height
    var (column, flips): (Int, [Int]) = (seen.lowerBound, [])
    func finish() { if !flips.isEmpty { body(x + column, flips) } }
    forEachRun { run in
      let run = run.clamped(to: visible)
      var position = run.lowerBound
      while position < run.upperBound {
        let place = position / height
        let end = min(run.upperBound, (place + 1) * height)
        if place != column {
          finish()
          (column, flips) = (place, [])
        }
        let first = min(max(y + position - place * height, 0), rows)
        let last = min(max(y + end - place * height, 0), rows)
        if first < last {
          if flips.last == first { flips.removeLast() } else { flips.append(first) }
          flips.append(last)
        }
        position = end
      }
    }
    finish()
  }
}

extension Range<Int> {
  /// The part of a box along one side that lies in this range of an image, counted from the box's start.
  ///
  /// - Parameters:
  ///   - start: the start of the box in the image.
  ///   - length: its length.
  /// - Returns: the part; empty if the box lies outside.
  fileprivate func seen(from start: Int, _ length: Int) -> Range<Int> {
    let first = Swift.min(Swift.max(lowerBound - start, 0), length)
    return first..<Swift.max(first, Swift.min(upperBound - start, length))
  }
}
