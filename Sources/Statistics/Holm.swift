/// Corrects the p-values of several tests by Holm's step-down method (Holm, 1979).
public enum Holm {
  /// Returns the p-values after correction.
  ///
  /// Reject the tests at or below the level. Then the chance of one or more false rejections is at
  /// most that level, for any dependence between the tests.
  ///
  /// - Parameter p: the p-values of all tests of the family.
  /// - Returns: the corrected values in the same order, at most 1.
  public static func corrected(_ p: [Double]) -> [Double] {
    var corrected = p
    var highest = 0.0
    for (place, index) in p.indices.sorted(by: { p[$0] < p[$1] }).enumerated() {
      highest = max(highest, min(1, p[index] * Double(p.count - place)))
      corrected[index] = highest
    }
    return corrected
  }
}
