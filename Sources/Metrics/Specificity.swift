extension OverlapCounts {
  /// The share of the background outside the prediction, TN / (TN + FP), from 0 to 1.
  ///
  /// It is `nil` for any prediction if the reference covers the whole image, because there is no
  /// background.
  public var specificity: Double? {
    EmptyMaskPolicy.ratio(trueNegatives, of: trueNegatives + falsePositives, bothEmpty: false)
  }
}
