/// Holm's step-down correction of several tests (Holm, 1979).
public enum Holm {
  /// The p-values after correction: reject those at or below the level, and the chance of one false rejection
  /// among all is at most that level, however the tests depend on each other.
  ///
  /// - Parameter p: of all tests of the family.
  /// - Returns: in the same order, at most 1.
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
