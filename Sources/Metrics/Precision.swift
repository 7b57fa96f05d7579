extension OverlapCounts {
  /// The share of predicted pixels that are correct, TP / (TP + FP), from 0 to 1.
  ///
  /// It is also called positive predictive value. Both masks empty: 1. Only the prediction empty:
  /// `nil`, because nothing was claimed. See ``EmptyMaskPolicy``.
  public var precision: Double? {
    EmptyMaskPolicy.ratio(truePositives, of: truePositives + falsePositives, bothEmpty: bothEmpty)
  }
}
