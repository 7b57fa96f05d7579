extension OverlapCounts {
  /// The share of the reference that was found, TP / (TP + FN), from 0 to 1.
  ///
  /// It is also called sensitivity. Both masks empty: 1. Only the reference empty: `nil`, because
  /// there was nothing to find. See ``EmptyMaskPolicy``.
  public var recall: Double? {
    EmptyMaskPolicy.ratio(truePositives, of: truePositives + falseNegatives, bothEmpty: bothEmpty)
  }
}
