import Foundation
import Metrics
import Statistics

extension Interval {
  /// The number with its interval, `0.512 (0.480 to 0.544)`.
  package var text: String { text(signed: false) }

  /// The number with its interval, `+0.012 (−0.010 to +0.034)`.
  package var signedText: String { text(signed: true) }

  private func text(signed: Bool) -> String {
    func number(_ value: Double) -> String {
      let text = String(format: "%.3f", abs(value))
      return value < 0 ? "−" + text : signed ? "+" + text : text
    }
    return "\(number(value)) (\(number(low)) to \(number(high)))"
  }
}

extension StudyResults.Difference {
  /// The conclusion in a sentence: there is a difference only if the interval excludes zero.
  package var verdict: String {
    let name = metric == .iou ? "IoU" : metric == .dice ? "Dice" : metric.rawValue
    let place = site.map { "at \($0)" } ?? "at the held-out sites"
    guard isDifference else {
      return
        "No difference between \(candidate) and \(reference) was shown: \(interval.signedText) \(name) "
        + "\(place), an interval that holds zero."
    }
    let start =
      "\(candidate) is \(value > 0 ? "ahead of" : "behind") \(reference) by \(interval.signedText) \(name) "
      + "\(place), for these sites and trained models"
    guard let overSeeds else { return start + "; one seed says nothing of others." }
    return overSeeds.excludesZero
      ? "\(start), and for new seeds: \(overSeeds.signedText)."
      : "\(start); for new seeds no difference was shown: \(overSeeds.signedText), which holds zero."
  }
}
