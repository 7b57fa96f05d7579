import Foundation

/// Student's t distribution.
package enum StudentDistribution {
  /// Finds the number that |t| exceeds with a chance of 5 %.
  ///
  /// - Parameter degrees: the degrees of freedom, at least 1.
  /// - Returns: the number, such as 3.182 for 3.
  package static func twoSided95(degrees: Int) -> Double {
    // The chance falls as t rises, so halving finds the number. Beyond 1000 it hardly changes.
    let degrees = min(1000, max(1, degrees))
    var (low, high) = (1.9, 13.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if tail(middle, degrees: degrees) > 0.05 { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// Returns the chance that |t| exceeds a number, by the finite sums of Abramowitz and Stegun,
  /// 26.7.3 and 26.7.4.
  package static func tail(_ t: Double, degrees: Int) -> Double {
    let angle = atan(abs(t) / Double(degrees).squareRoot())
    let cosine2 = cos(angle) * cos(angle)
    if degrees % 2 == 0 {
      var (term, sum) = (1.0, 1.0)
      for k in stride(from: 2, to: degrees, by: 2) {
        term *= cosine2 * Double(k - 1) / Double(k)
        sum += term
      }
      return 1 - sin(angle) * sum
    }
    guard degrees > 1 else { return 1 - 2 * angle / .pi }
    var term = cos(angle)
    var sum = term
    for k in stride(from: 3, to: degrees, by: 2) {
      term *= cosine2 * Double(k - 1) / Double(k)
      sum += term
    }
    return 1 - 2 / .pi * (angle + sin(angle) * sum)
  }
}
