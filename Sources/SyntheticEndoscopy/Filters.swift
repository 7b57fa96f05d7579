import Foundation

/// Filters over whole planes.
enum Filters {
  /// Convolves with a Gaussian; edges are repeated.
  static func blur(_ plane: Plane, deviation: Float) {
    let radius = max(1, Int((2.6 * deviation).rounded(.up)))
    var weights = (-radius...radius).map { exp(-Float($0 * $0) / (2 * deviation * deviation)) }
    let total = weights.reduce(0, +)
    weights = weights.map { $0 / total }
    convolve(plane, weights, radius)
  }

  private static func convolve(_ plane: Plane, _ weights: [Float], _ radius: Int) {
    let size = plane.size
    let between = Plane(size: size)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: size + 2 * radius) { memory in
      guard let padded = memory.baseAddress else { return }
      for y in 0..<size {
        let (row, target) = (plane.row(y), between.row(y))
        for x in 0..<radius {
          padded[x] = row[0]
          padded[radius + size + x] = row[size - 1]
        }
        for x in 0..<size { padded[radius + x] = row[x] }
        for (k, weight) in weights.enumerated() {
          let source = padded + k
          for x in 0..<size { target[x] += weight * source[x] }
        }
      }
    }
    for y in 0..<size {
      let target = plane.row(y)
      for x in 0..<size { target[x] = 0 }
      for (k, weight) in weights.enumerated() {
        let source = between.row(min(size - 1, max(0, y + k - radius)))
        for x in 0..<size { target[x] += weight * source[x] }
      }
    }
  }
}
