extension LevelCounts {
  /// The structure measure S with alpha 0.5.
  ///
  /// One half is the uniformity of lesion and background in the map. The other half is the
  /// similarity of map and reference in four parts of the image. Fan et al., "Structure-measure: A
  /// New Way to Evaluate Foreground Maps", ICCV 2017, as in the authors' MATLAB code and
  /// PySODMetrics: standard deviations with the divisor n - 1, ε = 2⁻⁵² in denominators, parts
  /// divided after the centroid's row and column, and 0 if the sum is negative. A part without a
  /// pixel has no weight.
  ///
  /// Reference empty: 1 minus the mean of the map. Reference full: the mean of the map.
  var structureMeasure: Double {
    let (lesion, background) = (whole.lesionCount, whole.backgroundCount)
    let size = Double(lesion + background)
    let all = (0..<256).map { whole.lesion[$0] + whole.background[$0] }
    if lesion == 0 { return 1 - moments(all).mean }
    if background == 0 { return moments(all).mean }
    let share = Double(lesion) / size
    let object =
      share * uniformity(whole.lesion, values) + (1 - share)
      * uniformity(whole.background, values.map { 1 - $0 })
    let region = parts.reduce(0.0) { sum, part in
      let count = part.lesionCount + part.backgroundCount
      return count == 0 ? sum : sum + similarity(part) * Double(count) / size
    }
    return max(0, 0.5 * object + 0.5 * region)
  }

  /// Measures how near to 1, and how uniform, the values of some pixels are.
  private func uniformity(_ counts: [Int], _ values: [Double]) -> Double {
    let (count, mean, squares) = moments(counts, values)
    let deviation = count > 1 ? (squares / Double(count - 1)).squareRoot() : 0
    return 2 * mean / (mean * mean + 1 + deviation + .ulpOfOne)
  }

  /// Computes the structural similarity of map and reference in one part.
  private func similarity(_ part: Part) -> Double {
    let all = (0..<256).map { part.lesion[$0] + part.background[$0] }
    let (count, x, squares) = moments(all)
    let y = Double(part.lesionCount) / Double(count)
    let divisor = Double(count - 1) + .ulpOfOne
    var products = 0.0
    for level in 0..<256 where all[level] > 0 {
      products +=
        (values[level] - x) * (Double(part.lesion[level]) * (1 - y) - Double(part.background[level]) * y)
    }
    let spread = Double(part.lesionCount) * (1 - y) * (1 - y) + Double(part.backgroundCount) * y * y
    let alpha = 4 * x * y * products / divisor
    let beta = (x * x + y * y) * (squares + spread) / divisor
    if alpha != 0 { return alpha / (beta + .ulpOfOne) }
    return beta == 0 ? 1 : 0
  }

  private func moments(_ counts: [Int]) -> (count: Int, mean: Double, squares: Double) {
    moments(counts, values)
  }

  /// Computes the number of pixels, their mean, and the sum of squared deviations from it.
  private func moments(_ counts: [Int], _ values: [Double]) -> (count: Int, mean: Double, squares: Double) {
    let present = (0..<256).filter { counts[$0] > 0 }
    let count = present.reduce(0) { $0 + counts[$1] }
    // Pixels of one value have exactly this mean. Its rounding would look like a deviation.
    if present.count == 1 { return (count, values[present[0]], 0) }
    let mean = present.reduce(0.0) { $0 + Double(counts[$1]) * values[$1] } / Double(max(1, count))
    let squares = present.reduce(0.0) {
      $0 + Double(counts[$1]) * (values[$1] - mean) * (values[$1] - mean)
    }
    return (count, mean, squares)
  }
}
