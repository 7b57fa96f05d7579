import Metrics

extension BinaryMask {
  /// Makes a mask from rows of 0 and 1 separated by "/".
  package init(_ rows: String) throws {
    let lines = rows.split(separator: "/")
    try self.init(
      width: lines.first?.count ?? 0, height: lines.count, values: lines.joined().map { $0 == "1" })
  }

  /// Makes a mask of pixels drawn at random inside a rectangle.
  package static func random(
    width: Int, height: Int, density: Double, using generator: inout SplitMix
  ) throws -> BinaryMask {
    let left = Int.random(in: 0..<width, using: &generator)
    let right = Int.random(in: left..<width, using: &generator)
    let top = Int.random(in: 0..<height, using: &generator)
    let bottom = Int.random(in: top..<height, using: &generator)
    var values = [Bool](repeating: false, count: width * height)
    for y in top...bottom {
      for x in left...right { values[y * width + x] = Double.random(in: 0..<1, using: &generator) < density }
    }
    return try BinaryMask(width: width, height: height, values: values)
  }

  /// The columns and rows of the set pixels.
  package var points: [(x: Int, y: Int)] {
    (0..<height).flatMap { y in (0..<width).compactMap { x in self[x, y] ? (x, y) : nil } }
  }
}
