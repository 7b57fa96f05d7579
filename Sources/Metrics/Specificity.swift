extension OverlapCounts {
  /// The share of the background that was left alone, TN / (TN + FP), from 0 to 1.
  ///
  /// `nil` when the reference covers the whole image, whatever the prediction: there is no background to judge by.
  public var specificity: Double? {
    EmptyMaskPolicy.ratio(trueNegatives, of: trueNegatives + falsePositives, bothEmpty: false)
  }
}
