extension OverlapCounts {
  /// The share of pixels on which the masks agree, (TP + TN) / all, from 0 to 1.
  ///
  /// It is always defined, because a mask has at least one pixel. For small lesions, an empty
  /// prediction scores high.
  public var accuracy: Double {
    let agreeing = truePositives + trueNegatives
    return Double(agreeing) / Double(agreeing + falsePositives + falseNegatives)
  }
}
