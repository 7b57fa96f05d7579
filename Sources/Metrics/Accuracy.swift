extension OverlapCounts {
  /// The share of pixels on which the masks agree, (TP + TN) / all, from 0 to 1.
  ///
  /// Always defined, since a mask has at least one pixel. Where lesions are small an empty prediction scores high.
  public var accuracy: Double {
    let agreeing = truePositives + trueNegatives
    return Double(agreeing) / Double(agreeing + falsePositives + falseNegatives)
  }
}
