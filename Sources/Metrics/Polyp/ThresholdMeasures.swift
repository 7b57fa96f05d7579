/// The measures of the mask at every threshold.
///
/// At threshold k/255, a pixel is lesion if its stretched value, times 255 and cut to a whole
/// level, is at least k. So at threshold 0 every pixel is lesion.
struct ThresholdMeasures {
  /// The Dice coefficient, 2·TP / (2·TP + FP + FN).
  ///
  /// It is 0 if TP = 0, so 0 at every threshold for an empty reference, as in `Fmeasure_calu` of
  /// PraNet's toolbox.
  let dice: ThresholdCurve

  /// Intersection over union, TP / (TP + FP + FN); 0 if TP = 0.
  let iou: ThresholdCurve

  /// The enhanced-alignment measure E.
  ///
  /// Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation", IJCAI 2018, as
  /// in the authors' MATLAB code and PySODMetrics: (1 + a)² / 4 summed over pixels, over n - 1
  /// pixels. Here a is the alignment of the two centred masks with ε = 2⁻⁵² in its denominator. E
  /// can exceed 1 by 1/(n - 1); for an image of a single pixel, the divisor is 1.
  ///
  /// Reference empty: the number of pixels that are not marked, with divisor n - 1. Reference full:
  /// the number of marked pixels, with the same divisor.
  let enhancedAlignment: ThresholdCurve

  /// Computes the measures from the counts of an image.
  init(_ counts: LevelCounts) {
    // A level counts at its stretched value, cut to a whole number of 0…255.
    var lesionAt = [Int](repeating: 0, count: ThresholdCurve.count + 1)
    var backgroundAt = lesionAt
    for level in 0..<256 {
      let threshold = Int(counts.values[level] * 255)
      lesionAt[threshold] += counts.whole.lesion[level]
      backgroundAt[threshold] += counts.whole.background[level]
    }
    // This goes down from the highest threshold and counts the pixels at or above it.
    for threshold in stride(from: ThresholdCurve.count - 1, through: 0, by: -1) {
      lesionAt[threshold] += lesionAt[threshold + 1]
      backgroundAt[threshold] += backgroundAt[threshold + 1]
    }
    let (lesion, background) = (lesionAt[0], backgroundAt[0])
    dice = ThresholdCurve { threshold in
      let hit = lesionAt[threshold]
      return hit == 0 ? 0 : Double(2 * hit) / Double(hit + backgroundAt[threshold] + lesion)
    }
    iou = ThresholdCurve { threshold in
      let hit = lesionAt[threshold]
      return hit == 0 ? 0 : Double(hit) / Double(backgroundAt[threshold] + lesion)
    }
    enhancedAlignment = ThresholdCurve { threshold in
      Self.alignment(
        hit: lesionAt[threshold], falseAlarms: backgroundAt[threshold], lesion: lesion, background: background
      )
    }
  }

  private static func alignment(hit: Int, falseAlarms: Int, lesion: Int, background: Int) -> Double {
    let size = lesion + background
    let marked = hit + falseAlarms
    let divisor = size == 1 ? 1 : Double(size - 1) + .ulpOfOne
    if lesion == 0 { return Double(size - marked) / divisor }
    if background == 0 { return Double(marked) / divisor }
    let (predicted, wanted) = (Double(marked) / Double(size), Double(lesion) / Double(size))
    func enhanced(_ count: Int, _ p: Double, _ r: Double) -> Double {
      let alignment = 2 * p * r / (p * p + r * r + .ulpOfOne)
      return Double(count) * (alignment + 1) * (alignment + 1) / 4
    }
    let sum =
      enhanced(hit, 1 - predicted, 1 - wanted) + enhanced(falseAlarms, 1 - predicted, -wanted)
      + enhanced(lesion - hit, -predicted, 1 - wanted)
      + enhanced(background - falseAlarms, -predicted, -wanted)
    return sum / divisor
  }
}
