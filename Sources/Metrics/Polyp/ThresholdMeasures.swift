/// The measures that are taken of the mask at every threshold.
///
/// At threshold k/255 a pixel is lesion when its stretched value, times 255 and cut to a whole level, is at
/// least k; so at threshold 0 every pixel is.
struct ThresholdMeasures {
  /// The Dice coefficient, 2·TP / (2·TP + FP + FN).
  ///
  /// 0 where nothing is hit (TP = 0), so 0 at every threshold when the reference is empty: `Fmeasure_calu` of
  /// PraNet's toolbox.
  let dice: ThresholdCurve

  /// Intersection over union, TP / (TP + FP + FN); 0 where nothing is hit.
  let iou: ThresholdCurve

  /// The enhanced-alignment measure E.
  ///
  /// Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation", IJCAI 2018, as the
  /// authors' MATLAB code and PySODMetrics compute it: (1 + a)² / 4 summed over pixels, a being the alignment
  /// of the two centred masks with ε = 2⁻⁵² in its denominator, over n - 1 pixels. It can be larger than 1 by
  /// 1/(n - 1); an image of a single pixel is divided by 1.
  ///
  /// Reference empty: the pixels that are not marked, over n - 1. Reference full: the marked ones.
  let enhancedAlignment: ThresholdCurve

  /// Reads the measures from an image's counts.
  init(_ counts: LevelCounts) {
    // What a level counts as is where its stretched value was cut to, in the whole of 0…255.
    var lesionAt = [Int](repeating: 0, count: ThresholdCurve.count + 1)
    var backgroundAt = lesionAt
    for level in 0..<256 {
      let threshold = Int(counts.values[level] * 255)
      lesionAt[threshold] += counts.whole.lesion[level]
      backgroundAt[threshold] += counts.whole.background[level]
    }
    // From the highest threshold down, the pixels at or above it.
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
