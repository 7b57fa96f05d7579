import Metrics
import Statistics
import Storage
import Studies

extension Explanation {
  /// The answer in plain sentences.
  ///
  /// It states the attention of the model, the do(z) that changes its mask most, and the certainty
  /// of this.
  package var answer: [String] { [attentionSentence, sweepSentence, trustSentence].compactMap { $0 } }

  /// The confounders by decreasing mean attention; empty if the model has no attention.
  var ranking: [(name: String, weight: Interval)] {
    zip(confounders.map(\.name), summary.attention ?? []).map { (name: $0, weight: $1) }.enumerated()
      .sorted { ($1.element.weight.value, $0.offset) < ($0.element.weight.value, $1.offset) }
      .map(\.element)
  }

  /// The strongest step of each confounder.
  ///
  /// It omits confounders that move the image, unless all do. Steps with the largest change of
  /// masks come first.
  package var compared: [ExplanationSummary.Step] {
    let moving = Set(confounders.filter(\.movesPixels).map(\.name))
    let still = summary.strongest.filter { !moving.contains($0.confounder) }
    return still.isEmpty ? summary.strongest : still
  }

  /// The largest mean weight of a confounder in any image.
  private var peak: (name: String, weight: Double)? {
    images.flatMap { image in zip(confounders.map(\.name), image.attention ?? []) }
      .max { $0.1 < $1.1 }.map { (name: $0.0, weight: $0.1) }
  }

  /// The weight of each confounder if all are equal.
  package var even: Double { 1 / Double(max(1, confounders.count)) }

  /// Whether the attention is nearly constant over images.
  ///
  /// Its mean deviation is then below a tenth of an even weight.
  var ignoresImages: Bool {
    guard let deviations = summary.attentionDeviation, summary.count > 1 else { return false }
    return deviations.reduce(0, +) / Double(max(1, deviations.count)) < even / 10
  }

  /// A warning about the dictionary if it does not contain the words.
  package var dictionaryWarning: String? {
    switch model.dictionary {
    case "random": "Its dictionary holds random directions, not the words: the names only number its entries."
    case "shuffled":
      "Each entry of its dictionary stands under another's words: the names only number the entries."
    default: nil
    }
  }

  private var number: String { Self.count(summary.count, "image") }

  private var attentionSentence: String {
    guard !ranking.isEmpty else {
      let reason =
        switch (model.intervenes, model.adjustment, model.dictionary) {
        case (false, nil, _): "has no intervention, so it attends to no confounder"
        case (false, _, _):
          "has weights of an epoch before its intervention starts, so it attends to no confounder"
        case (_, "exact", _): "weighs every confounder by P(z), whatever the image"
        case (_, _, "constant"):
          "has a single learned entry in the place of the confounders, so there is nothing to attend to"
        default: "weighs the confounders alike in every image"
        }
      return "The model (\(model.method)) \(reason)."
    }
    let named = ranking.prefix(3).map { "\($0.name) (\(Self.number($0.weight.value, 2)))" }
    let top = ranking[0].weight.value
    let what =
      top < 1.25 * even
      ? "spreads its attention almost evenly, most on \(Self.list(named))"
      : "attends most to \(Self.list(named))"
    let flat =
      ignoresImages
      ? " The weights hardly differ from image to image, so the attention does not depend on what disturbs an image."
      : ""
    let single =
      peak.flatMap {
        summary.count > 1 ? "; the most in one image is \(Self.number($0.weight, 2)), \($0.name)" : nil
      }
      ?? ""
    return
      "On \(number) the model (\(model.method)) \(what), where even weights would be \(Self.number(even, 2))\(single).\(flat)"
  }

  private var sweepSentence: String? {
    guard let most = compared.first, let least = compared.last else { return nil }
    guard most.dice.value < 0.995 else {
      return
        "Setting a confounder does not change its mask: the Dice with the untouched mask stays at 1 or close to it."
    }
    let others =
      compared.count > 1 ? ", least under do(\(least.confounder)) (\(Self.number(least.dice.value, 2)))" : ""
    let strength = most.strength == 1 ? "at full strength" : "at strength \(Self.number(most.strength, 2))"
    return "Its mask changes most under do(\(most.confounder)): \(strength) the Dice with the untouched "
      + "mask is \(text(most.dice))\(others)."
  }

  private var trustSentence: String {
    guard let faithfulness, let zeroShot = faithfulness.score("zero_shot") else {
      let few =
        summary.count < 10 ? " \(number) say\(summary.count == 1 ? "s" : "") little about others." : ""
      return ranking.isEmpty
        ? few.isEmpty ? "What truly disturbs these images is not recorded." : String(few.dropFirst())
        : "What truly disturbs these images is not recorded, so whether the attention is right is not known.\(few)"
    }
    let truth = "Against the recorded confounders of \(Self.count(faithfulness.count, "image"))"
    guard let known = zeroShot.mean else {
      return
        "To judge the weights, at least \(Faithfulness.least) images must have a confounder and \(Faithfulness.least) must lack it."
    }
    guard let attention = faithfulness.score("attention"), let mean = attention.mean else {
      return "\(truth) the zero-shot posterior of its CLIP tower has a mean AUC of \(text(known))."
    }
    let verdict: String
    let difference = attention.overZeroShot?.ends
    if let reason = mean.reason {
      verdict = "nothing can be said of other images (\(reason))"
    } else if mean.ends.map({ $0.lowerBound <= 0.5 }) ?? true {
      verdict = "no better than chance for certain: do not read it as what disturbs an image"
    } else if let difference, difference.upperBound < 0 {
      verdict = "less than the zero-shot posterior tells, so trust that more"
    } else if let difference, difference.lowerBound > 0 {
      verdict = "more than the zero-shot posterior tells"
    } else {
      verdict = "not told apart from the zero-shot posterior"
    }
    return "\(truth) the attention has a mean AUC of \(text(mean)), the zero-shot posterior "
      + "\(text(known)): \(verdict)."
  }

  /// Formats a value with its interval; the value alone if it has none.
  package func text(_ interval: Interval) -> String {
    let value = Self.number(interval.value, 2)
    guard let ends = interval.ends else { return value }
    return interval.hasNoSpread
      ? "\(value) (no spread)"
      : "\(value) (\(Self.number(ends.lowerBound, 2)) to \(Self.number(ends.upperBound, 2)))"
  }

  package static func number(_ value: Double, _ decimals: Int) -> String {
    NumberText.text(value, decimals: decimals)
  }

  package static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  package static func list(_ parts: [String]) -> String {
    guard parts.count > 1, let last = parts.last else { return parts.joined() }
    return parts.dropLast().joined(separator: ", ") + " and " + last
  }
}
