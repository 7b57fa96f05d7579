import Foundation

/// The weighted F-measure with β² = 1.
///
/// An error counts less if a neighbour in the lesion is correct. A background error counts more
/// with its distance from the lesion. Margolin, Zelnik-Manor and Tal, "How to Evaluate Foreground
/// Maps?", CVPR 2014, as in the authors' MATLAB code and PySODMetrics. Each background pixel gets
/// the error of the nearest lesion pixel (of several, SciPy's choice). A 7×7 Gaussian of σ = 5
/// smooths the errors, with zeros beyond the image. The error of a lesion pixel is the smaller of
/// its own and the smoothed error. The error of a background pixel has the weight 2 - 2^(-d/5),
/// where d is its distance from the lesion in pixels. Denominators contain ε = 2⁻⁵².
///
/// Reference empty: 0, as in PySODMetrics (the MATLAB code divides by zero).
enum WeightedFMeasure {
  private static let radius = 3

  /// The Gaussian along one axis; the product of two is the square kernel.
  private static let kernel: [Double] = {
    let weights = (-radius...radius).map { exp(-Double($0 * $0) / 50) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }()

  /// The weight of a background error by its squared distance from the lesion; beyond the table, 2.
  private static let weights: [Double] = (0..<(270 * 270)).map {
    2 - exp(log(0.5) / 5 * Double($0).squareRoot())
  }

  /// Scores an 8-bit map.
  ///
  /// - Parameters:
  ///   - levels: The map, with as many pixels as the reference.
  ///   - values: The value of each level, from 0 to 1.
  ///   - reference: The reference mask of the expert.
  /// - Returns: The measure, from 0 to 1.
  static func score(_ levels: [UInt8], values: [Double], reference: BinaryMask) -> Double {
    guard let box = BoundingBox(around: reference, reference) else { return 0 }
    let width = reference.width
    var window = SmoothingWindow(box, width: width, height: reference.height)
    var backgroundErrors = 0.0
    levels.withUnsafeBufferPointer { levels in
      reference.pixels.withUnsafeBufferPointer { pixels in
        DistanceTransform.forEachRow(of: reference) { row in
          let start = row.y * width
          for x in 0..<width where pixels[start + x] == 0 {
            let square = Int(row.squares[x])
            backgroundErrors +=
              values[Int(levels[start + x])] * (square < weights.count ? weights[square] : 2)
          }
          // Each pixel gets the error of its nearest lesion pixel.
          window.take(row.y) { 1 - values[Int(levels[row.place($0)])] }
        }
      }
    }
    let lesion = Double(reference.count)
    var lesionErrors = 0.0
    for y in box.rows {
      for x in box.columns where reference.pixels[y * width + x] != 0 {
        lesionErrors += min(1 - values[Int(levels[y * width + x])], window.smoothed(x, y))
      }
    }
    let hits = lesion - lesionErrors
    let recall = 1 - lesionErrors / lesion
    let precision = hits / (hits + backgroundErrors + .ulpOfOne)
    return 2 * recall * precision / (recall + precision + .ulpOfOne)
  }

  /// The errors in and around the lesion, smoothed by the kernel.
  ///
  /// Rows are smoothed when they arrive, columns on demand.
  private struct SmoothingWindow {
    private let box: BoundingBox
    private let width: Int
    /// The rows that the smoothing of the box needs.
    private let rows: Range<Int>
    /// The errors smoothed along rows: the columns of the box in each of `rows`.
    private var alongRows: [Double]
    /// The errors of one row; zero beyond the image.
    private var errors: [Double]

    init(_ box: BoundingBox, width: Int, height: Int) {
      self.box = box
      self.width = width
      rows = max(0, box.rows.lowerBound - radius)..<min(height, box.rows.upperBound + radius)
      alongRows = [Double](repeating: 0, count: rows.count * box.columns.count)
      errors = [Double](repeating: 0, count: box.columns.count + 2 * radius)
    }

    /// Adds a row; it calls a closure for the error at some of its columns.
    @inline(__always)
    mutating func take(_ y: Int, _ error: (_ x: Int) -> Double) {
      guard rows.contains(y) else { return }
      let left = box.columns.lowerBound
      for x in max(0, left - radius)..<min(width, box.columns.upperBound + radius) {
        errors[x - left + radius] = error(x)
      }
      let start = (y - rows.lowerBound) * box.columns.count
      for x in 0..<box.columns.count {
        var sum = 0.0
        for offset in 0...(2 * radius) { sum += kernel[offset] * errors[x + offset] }
        alongRows[start + x] = sum
      }
    }

    /// Returns the smoothed error of a pixel of the box.
    @inline(__always)
    func smoothed(_ x: Int, _ y: Int) -> Double {
      var sum = 0.0
      for offset in -radius...radius where rows.contains(y + offset) {
        let start = (y + offset - rows.lowerBound) * box.columns.count
        sum += kernel[offset + radius] * alongRows[start + x - box.columns.lowerBound]
      }
      return sum
    }
  }
}
