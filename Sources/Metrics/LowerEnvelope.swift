/// The lower envelope of the parabolas `((x - u)·a)² + (g(u)·b)²` along one row.
///
/// `a` and `b` are the steps between columns and rows. The rows share its working memory.
struct LowerEnvelope {
  /// The height of a column without a site: larger than any distance, and safe from overflow.
  static let none: Int32 = 1 << 30

  private let width: Int
  private let step: (x: Double, y: Double)
  /// The columns `u` of the parabolas on the envelope, from left to right.
  private var vertices: [Int32]
  /// Their squared heights `(g(u)·b)²`.
  private var squares: [Double]
  /// The start of each parabola, where the one before it ends.
  private var starts: [Double]
  private var row: [Double]
  private var columns: [Int32]

  /// Allocates memory for rows of a given width.
  init(width: Int, step: (x: Double, y: Double)) {
    self.width = width
    self.step = step
    vertices = [Int32](repeating: 0, count: width)
    squares = [Double](repeating: 0, count: width)
    starts = [Double](repeating: 0, count: width)
    row = [Double](repeating: 0, count: width)
    columns = [Int32](repeating: 0, count: width)
  }

  /// Computes the envelope at every column of a row.
  ///
  /// At least one column must have a site. The result also contains the column of the parabola at
  /// each column, the leftmost one of several.
  ///
  /// Parabolas cross at `(u + v)/2 + (b²g(u)² - b²g(v)²) / (2a²(u - v))`. With steps of 1, this is
  /// a fraction of whole numbers far below 2⁵³. It is exact if it is a whole column, and its
  /// rounding as a `Double` cannot move it past one. So the values are exact. With other steps it
  /// can, but only if both parabolas have the same value up to rounding.
  @inline(__always)
  mutating func evaluate(
    _ heights: UnsafeBufferPointer<Int32>,
    _ body: (_ values: UnsafeMutablePointer<Double>, _ columns: UnsafeMutablePointer<Int32>) -> Void
  ) {
    let width = self.width
    let step = self.step
    let scale = 0.5 / (step.x * step.x)
    vertices.withUnsafeMutableBufferPointer { vertices in
      squares.withUnsafeMutableBufferPointer { squares in
        starts.withUnsafeMutableBufferPointer { starts in
          row.withUnsafeMutableBufferPointer { row in
            columns.withUnsafeMutableBufferPointer { columns in
              guard let values = row.baseAddress, let found = columns.baseAddress else { return }
              var last = -1
              for u in 0..<width where heights[u] < Self.none {
                let height = Double(heights[u]) * step.y
                let square = height * height
                var start = -Double.infinity
                while last >= 0 {
                  let v = Int(vertices[last])
                  start = Double(u &+ v) * 0.5 + (square - squares[last]) * scale / Double(u &- v)
                  if start > starts[last] { break }
                  last -= 1
                }
                if last < 0 { start = -Double.infinity }
                last += 1
                vertices[last] = Int32(truncatingIfNeeded: u)
                squares[last] = square
                starts[last] = start
              }
              guard last >= 0 else { return }
              var k = 0
              for x in 0..<width {
                while k < last, starts[k &+ 1] < Double(x) { k &+= 1 }
                let distance = Double(x &- Int(vertices[k])) * step.x
                values[x] = distance * distance + squares[k]
                found[x] = vertices[k]
              }
              body(values, found)
            }
          }
        }
      }
    }
  }
}
