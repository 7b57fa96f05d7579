import Foundation

/// The weighted F-measure with β² = 1: errors count less where a neighbour in the lesion is right, and background errors more
/// the farther they are from the lesion.
///
/// Margolin, Zelnik-Manor and Tal, "How to Evaluate Foreground Maps?", CVPR 2014, as the authors' MATLAB code and
/// PySODMetrics compute it: each background pixel takes on the error of the nearest lesion pixel (of several, SciPy's), errors
/// are smoothed by a 7×7 Gaussian of σ = 5 with zeros beyond the image, a lesion pixel's error is the smaller of its own and
/// the smoothed one, and a background pixel's is weighted by 2 - 2^(-d/5), d being its distance from the lesion in pixels.
/// ε = 2⁻⁵² in denominators.
///
/// Reference empty: 0, as in PySODMetrics (the MATLAB code divides by zero).
enum WeightedFMeasure {
  private static let radius = 3

  /// The Gaussian along one side; the product of two is the square kernel.
  private static let kernel: [Double] = {
    let weights = (-radius...radius).map { exp(-Double($0 * $0) / 50) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }()

  /// Scores an 8-bit map.
  ///
  /// - Parameters:
  ///   - levels: The map, as many pixels as the reference.
  ///   - values: What each level stands for, from 0 to 1.
  ///   - reference: What the expert drew.
  /// - Returns: The measure, from 0 to 1.
  static func score(_ levels: [UInt8], values: [Double], reference: BinaryMask) -> Double {
    guard let nearest = DistanceTransform.nearestSites(to: reference) else { return 0 }
    let smoothed = smoothedErrors(levels, values, reference, nearest.places)
    let decay = log(0.5) / 5
    var (lesion, lesionErrors, backgroundErrors) = (0, 0.0, 0.0)
    for index in levels.indices {
      let value = values[Int(levels[index])]
      if reference.pixels[index] != 0 {
        lesion += 1
        lesionErrors += min(1 - value, smoothed[index])
      } else if value > 0 {
        backgroundErrors += value * (2 - exp(decay * nearest.squares[index].squareRoot()))
      }
    }
    let hits = Double(lesion) - lesionErrors
    let recall = 1 - lesionErrors / Double(lesion)
    let precision = hits / (hits + backgroundErrors + .ulpOfOne)
    return 2 * recall * precision / (recall + precision + .ulpOfOne)
  }

  /// The errors smoothed by the kernel, at the pixels of the lesion; elsewhere they are not asked for.
  private static func smoothedErrors(
    _ levels: [UInt8], _ values: [Double], _ reference: BinaryMask, _ places: [Int]
  ) -> [Double] {
    let (width, height) = (reference.width, reference.height)
    var result = [Double](repeating: 0, count: levels.count)
    guard let box = BoundingBox(around: reference, reference) else { return result }
    // Along rows first, for the box's columns and all rows that its own need.
    let rows = max(0, box.rows.lowerBound - radius)..<min(height, box.rows.upperBound + radius)
    let columns = max(0, box.columns.lowerBound - radius)..<min(width, box.columns.upperBound + radius)
    var alongRows = [Double](repeating: 0, count: rows.count * box.columns.count)
    var errors = [Double](repeating: 0, count: box.columns.count + 2 * radius)
    for y in rows {
      for x in columns {
        // The error of the lesion pixel that stands for this one.
        errors[x - box.columns.lowerBound + radius] = 1 - values[Int(levels[places[y * width + x]])]
      }
      for x in 0..<box.columns.count {
        var sum = 0.0
        for offset in 0..<kernel.count { sum += kernel[offset] * errors[x + offset] }
        alongRows[(y - rows.lowerBound) * box.columns.count + x] = sum
      }
    }
    for y in box.rows {
      for x in box.columns where reference.pixels[y * width + x] != 0 {
        var sum = 0.0
        for offset in -radius...radius where rows.contains(y + offset) {
          sum +=
            kernel[offset + radius]
            * alongRows[(y + offset - rows.lowerBound) * box.columns.count + x - box.columns.lowerBound]
        }
        result[y * width + x] = sum
      }
    }
    return result
  }
}
