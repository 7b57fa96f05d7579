/// The area under the receiver operating characteristic.
///
/// It is the chance that a positive case scores above a negative case.
public enum AreaUnderCurve {
  /// Computes the area by ranks (Mann–Whitney U); equal scores count half.
  ///
  /// - Parameters:
  ///   - scores: one per case.
  ///   - positive: whether the case is positive, in the same order.
  /// - Returns: 0 to 1; nil if there is no positive or no negative case, or a score is NaN.
  public static func of<Score: BinaryFloatingPoint>(_ scores: [Score], positive: [Bool]) -> Double? {
    let count = min(scores.count, positive.count)
    guard !scores.contains(where: \.isNaN) else { return nil }
    let order = (0..<count).sorted { scores[$0] < scores[$1] }
    var positives = 0
    var rankSum = 0.0
    var start = 0
    while start < count {
      var end = start
      var found = 0
      while end < count, scores[order[end]] == scores[order[start]] {
        if positive[order[end]] { found += 1 }
        end += 1
      }
      // Equal scores share the mean of their ranks.
      rankSum += Double(found) * (Double(start + end + 1) / 2)
      positives += found
      start = end
    }
    let negatives = count - positives
    guard positives > 0, negatives > 0 else { return nil }
    let lowest = Double(positives) * Double(positives + 1) / 2
    return (rankSum - lowest) / (Double(positives) * Double(negatives))
  }
}
