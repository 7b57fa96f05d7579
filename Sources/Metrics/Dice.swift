extension OverlapCounts {
  /// The Dice coefficient, 2·TP / (2·TP + FP + FN), from 0 to 1.
  ///
  /// Both masks empty: 1. Exactly one empty: 0. See ``EmptyMaskPolicy``.
  public var dice: Double {
    let whole = 2 * truePositives + falsePositives + falseNegatives
    return whole == 0 ? 1 : Double(2 * truePositives) / Double(whole)
  }
}
