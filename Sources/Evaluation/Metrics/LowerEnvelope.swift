/// The lower envelope of the parabolas `(x - u)² + g(u)²` along one row, with room to work that rows share.
struct LowerEnvelope {
  /// The height that stands for a column without a site: larger than any distance, with room to count on from it.
  static let none: Int32 = 1 << 30

  private let width: Int
  /// The columns `u` of the parabolas on the envelope, from left to right.
  private var vertices: [Int]
  /// Their squared heights `g(u)²`.
  private var squares: [Int]
  /// Where each parabola takes over from the one before it.
  private var starts: [Double]
  private var row: [Int]

  /// Makes room for rows of a given width.
  init(width: Int) {
    self.width = width
    vertices = [Int](repeating: 0, count: width)
    squares = [Int](repeating: 0, count: width)
    starts = [Double](repeating: 0, count: width)
    row = [Int](repeating: 0, count: width)
  }

  /// Gives the envelope's value at every column of a row in which at least one column has a site.
  ///
  /// The crossing of two parabolas is a fraction of whole numbers far below 2⁵³; its rounding as a `Double` cannot
  /// carry it past a whole column, so the values are exact. At a tie both parabolas give the same value.
  @inline(__always)
  mutating func evaluate(_ heights: UnsafeBufferPointer<Int32>, _ body: (UnsafeMutablePointer<Int>) -> Void) {
    let width = self.width
    vertices.withUnsafeMutableBufferPointer { vertices in
      squares.withUnsafeMutableBufferPointer { squares in
        starts.withUnsafeMutableBufferPointer { starts in
          row.withUnsafeMutableBufferPointer { row in
            guard let values = row.baseAddress else { return }
            var last = -1
            for u in 0..<width where heights[u] < Self.none {
              let square = Int(heights[u]) &* Int(heights[u])
              var start = -Double.infinity
              while last >= 0 {
                let v = vertices[last]
                let rise = (square &+ u &* u) &- (squares[last] &+ v &* v)
                start = Double(rise) / Double(2 &* (u &- v))
                if start > starts[last] { break }
                last -= 1
              }
              if last < 0 { start = -Double.infinity }
              last += 1
              vertices[last] = u
              squares[last] = square
              starts[last] = start
            }
            guard last >= 0 else { return }
            var k = 0
            for x in 0..<width {
              while k < last, starts[k &+ 1] < Double(x) { k &+= 1 }
              let step = x &- vertices[k]
              values[x] = step &* step &+ squares[k]
            }
            body(values)
          }
        }
      }
    }
  }
}
