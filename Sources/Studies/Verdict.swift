import Foundation
import Metrics
import Statistics

extension Interval {
  /// The number with its interval, `0.512 (0.480 to 0.544)`, or `0.512 (no interval)`.
  ///
  /// If all units have the same value, it is `0.512 (no spread)`.
  package var text: String { text(signed: false) }

  /// The number with its interval, `+0.012 (−0.010 to +0.034)`, or `+0.012 (no interval)`.
  package var signedText: String { text(signed: true) }

  private func text(signed: Bool) -> String {
    func number(_ value: Double) -> String {
      let text = String(format: "%.3f", abs(value))
      return value < 0 ? "−" + text : signed ? "+" + text : text
    }
    guard let ends else { return "\(number(value)) (no interval)" }
    return hasNoSpread
      ? "\(number(value)) (no spread)"
      : "\(number(value)) (\(number(ends.lowerBound)) to \(number(ends.upperBound)))"
  }
}

extension StudyResults.Difference {
  /// The conclusion in a sentence: there is a difference only if the interval excludes zero.
  ///
  /// Without an interval there is no conclusion.
  package var verdict: String {
    let name = metric.title
    let place = site.map { "at \($0)" } ?? "at the held-out sites"
    if let reason {
      return
        "\(candidate) and \(reference) cannot be compared \(place): \(interval.signedText) \(name). "
        + "There is no interval: \(reason)."
    }
    guard isDifference else {
      return
        "No difference between \(candidate) and \(reference) was shown: \(interval.signedText) \(name) "
        + "\(place), \(interval.hasNoSpread ? "the same for all groups" : "an interval that holds zero")."
    }
    let start =
      "\(candidate) is \(value > 0 ? "ahead of" : "behind") \(reference) by \(interval.signedText) \(name) "
      + "\(place), for these sites and trained models"
    guard let overSeeds else { return start + "; one seed says nothing of others." }
    if let reason = overSeeds.reason { return "\(start); nothing is said of new seeds: \(reason)." }
    return overSeeds.excludesZero
      ? "\(start), and for new seeds: \(overSeeds.signedText)."
      : "\(start); for new seeds no difference was shown: \(overSeeds.signedText), which holds zero."
  }
}
