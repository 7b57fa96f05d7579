import Imaging

/// The pixels of polygons by the rule of COCO's own library, column by column.
///
/// The rule: points are rounded to a grid of five cells a pixel. The border is walked from point to
/// point, one cell a step along the longer side. Where it passes the middle of a column of pixels,
/// inside flips at the next middle of a row, from there downwards. Datumaro and the converter of Label
/// Studio use the same library. The steps between the middles of columns change nothing and are left
/// out here, so that the work follows the columns and not the cells.
///
/// Source: `rleFrPoly` of pycocotools 2.0, described by its results; compared with it pixel for pixel.
struct PolygonColumns {
  /// The cells of a pixel.
  private static let scale = 5.0
  /// The largest coordinate of a point, in pixels.
  static let farthest = 1e6
  /// The largest number of passages of columns of a polygon.
  static let mostFlips = 1 << 22

  private let width: Int
  private let height: Int
  /// The flips as `column × (height + 1) + row`.
  private var flips: [Int] = []

  /// The number of passages of columns.
  var passages: Int { flips.count }

  /// Walks the borders of polygons.
  ///
  /// - Parameters:
  ///   - rings: the rings; a pixel is inside where an odd number encloses it.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Throws: `ShapeError` for a point that is no number or too far away, and for too many passages.
  init(_ rings: [[LabelledShape.Point]], width: Int, height: Int) throws {
    (self.width, self.height) = (width, height)
    var sides: [Side] = []
    var count = 0
    for ring in rings {
      let cells = try ring.map { point in
        guard abs(point.x) <= Self.farthest, abs(point.y) <= Self.farthest else {
          throw ShapeError.point(point.x, point.y)
        }
        return Cell(x: Int(Self.scale * point.x + 0.5), y: Int(Self.scale * point.y + 0.5))
      }
      for (index, cell) in cells.enumerated() {
        let side = Side(cell, cells[index + 1 < cells.count ? index + 1 : 0], width: width)
        guard !side.columns.isEmpty else { continue }
        count += side.columns.count
        guard count <= Self.mostFlips else { throw ShapeError.tooIntricate }
        sides.append(side)
      }
    }
    flips.reserveCapacity(count)
    for side in sides { walk(side) }
    flips.sort()
  }

  /// A point on the grid of cells.
  private struct Cell {
    let x: Int
    let y: Int
  }

  /// A side of a ring, in the direction in which it is walked.
  private struct Side {
    let start: Cell
    let end: Cell
    /// The columns of the image that it passes, each between its middle cell and the next one.
    let columns: Range<Int>

    init(_ first: Cell, _ second: Cell, width: Int) {
      let isFlat = abs(second.x - first.x) >= abs(second.y - first.y)
      let swaps = isFlat ? first.x > second.x : first.y > second.y
      (start, end) = swaps ? (second, first) : (first, second)
      let left = max(0, (min(start.x, end.x) + 2).flooredDividing(by: 5))
      let right = min(width - 1, (max(start.x, end.x) - 3).flooredDividing(by: 5))
      columns = left..<max(left, right + 1)
    }
  }

  private mutating func walk(_ side: Side) {
    let (start, end) = (side.start, side.end)
    let (across, down) = (abs(end.x - start.x), abs(end.y - start.y))
    let isFlat = across >= down
    let slope =
      isFlat ? Double(end.y - start.y) / Double(across) : Double(end.x - start.x) / Double(down)
    for column in side.columns {
      let middle = 5 * column + 2
      let cell: Int
      if isFlat {
        func row(_ step: Int) -> Int { Int(Double(start.y) + slope * Double(step) + 0.5) }
        cell = min(row(middle - start.x), row(middle + 1 - start.x))
      } else {
        cell = start.y + Self.passage(of: middle, from: Double(start.x), slope: slope, steps: down)
      }
      let row = ((Double(cell) + 0.5) / Self.scale - 0.5).rounded(.up)
      flips.append(column * (height + 1) + Int(min(max(row, 0), Double(height))))
    }
  }

  /// Returns the last step before a steep side passes a middle; the steps are searched by halves.
  private static func passage(of middle: Int, from start: Double, slope: Double, steps: Int) -> Int {
    var (before, after) = (0, steps)
    while after - before > 1 {
      let step = (before + after) / 2
      let cell = Int(start + slope * Double(step) + 0.5)
      let isPast = slope > 0 ? cell > middle : cell <= middle
      if isPast { after = step } else { before = step }
    }
    return before
  }

  /// Calls a function with each column that has pixels and the rows where inside flips, ascending.
  func forEachColumn(_ body: (Int, [Int]) -> Void) {
    var index = 0
    var rows: [Int] = []
    while index < flips.count {
      let column = flips[index] / (height + 1)
      rows.removeAll(keepingCapacity: true)
      while index < flips.count, flips[index] / (height + 1) == column {
        let row = flips[index] % (height + 1)
        // Two flips at one place are none.
        if rows.last == row { rows.removeLast() } else { rows.append(row) }
        index += 1
      }
      body(column, rows)
    }
  }
}

extension Int {
  /// The quotient, rounded down.
  fileprivate func flooredDividing(by divisor: Int) -> Int {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
