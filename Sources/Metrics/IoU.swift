extension OverlapCounts {
  /// Intersection over union (the Jaccard index), TP / (TP + FP + FN), from 0 to 1.
  ///
  /// Both masks empty: 1. Exactly one empty: 0. See ``EmptyMaskPolicy``.
  public var iou: Double {
    let whole = truePositives + falsePositives + falseNegatives
    return whole == 0 ? 1 : Double(truePositives) / Double(whole)
  }
}
