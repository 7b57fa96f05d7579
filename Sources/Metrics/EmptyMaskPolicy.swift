/// The values of the metrics for masks without a lesion: one rule, which every output states.
///
/// | | both empty | only the prediction empty | only the reference empty |
/// |---|---|---|---|
/// | Dice, IoU, boundary IoU | 1 | 0 | 0 |
/// | normalised surface Dice | 1 | 0 | 0 |
/// | HD95, average surface distance, either in per cent | 0 | undefined | undefined |
/// | precision | 1 | undefined (nothing was claimed) | 0 |
/// | recall | 1 | 0 | undefined (there was nothing to find) |
///
/// Lesions are counted, so they need no rule: with an empty reference, no lesion is found or missed
/// and every mark is false; see ``LesionDetection``. The polyp protocol has its own rules, see
/// ``PolypProtocol/definition``. Calibration is about pixels.
///
/// Accuracy and specificity need no rule either. The only exception is the specificity of a
/// reference without background, which is undefined. An undefined score is `nil`, `null` in JSON
/// and an empty field in CSV. Means omit it and state their number of images.
public enum EmptyMaskPolicy {
  /// The rule as text, for display with the scores.
  public static let statement =
    "Prediction and reference both empty: Dice, IoU, boundary IoU, NSD, precision and recall 1, HD95 and ASD 0. "
    + "Exactly one empty: Dice, IoU, boundary IoU and NSD 0, HD95 and ASD undefined. "
    + "Otherwise a ratio whose denominator is 0 is undefined. "
    + "Undefined scores are null and left out of means."

  /// Returns a part of a whole, or the value of the policy if the whole is zero.
  static func ratio(_ part: Int, of whole: Int, bothEmpty: Bool) -> Double? {
    if whole > 0 { return Double(part) / Double(whole) }
    return bothEmpty ? 1 : nil
  }
}
