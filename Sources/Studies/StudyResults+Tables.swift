import Foundation
import Metrics
import Statistics
import Storage

/// Headings and rows of text, for a terminal or a page.
package typealias TextTable = (headings: [String], rows: [[String]])

extension StudyResults {
  /// The sites, then nil for the row over sites.
  package var places: [String?] { sites.map(\.name) + [nil] }

  /// The conclusion about each method against the first, over the sites.
  package var verdicts: [String] {
    guard let reference = methods.first?.name, methods.count > 1 else { return [] }
    if let failure { return [failure] }
    return methods.dropFirst().compactMap { difference($0.name, reference)?.verdict }
  }

  /// States that no method marked a lesion, so that equal scores of 0 are no comparison.
  private var failure: String? {
    let found = pooled.filter { $0.site == nil }.map(\.detection)
    let means = methods.map { score($0.name)?.diceWithLesion.mean }
    guard !means.isEmpty, means.allSatisfy({ $0.map { $0 < 0.0005 } ?? false }) else { return nil }
    return found.allSatisfy { $0.found + $0.falseMarks == 0 }
      ? "No model marked anything, so nothing can be compared."
      : "No mark of any model touches a lesion (Dice 0.000 on images with a lesion), so nothing can be compared."
  }

  /// What the numbers of the headline are, in words.
  package var headlineCaption: String {
    let all = scores.compactMap { $0[.dice] }
    return all.contains { $0.low != nil } ? "mean Dice with 95 % intervals" : "mean Dice"
  }

  /// Explains the missing intervals of the headline, in a sentence; nil if it has them all.
  package var intervalNote: String? {
    let figures = scores.flatMap { [$0[.dice], $0.diceWithLesion] }
    return figures.compactMap { $0?.reason }.first.map { "No interval: \($0)." }
  }

  /// The overall Dice differences from the first method per seed, in words; empty with one method.
  package var differencesBySeed: [String] {
    guard let reference = methods.first?.name else { return [] }
    return methods.dropFirst().compactMap { method in
      guard let difference = difference(method.name, reference) else { return nil }
      let values = zip(seeds, difference.bySeed).map { seed, value in
        "\(seed): \(value < 0 ? "−" : "+")\(String(format: "%.3f", abs(value)))"
      }
      let name = methods.count > 2 ? "\(method.name) minus \(reference) by seed" : "Difference by seed"
      return "\(name), mean over sites: " + values.joined(separator: ", ")
    }
  }

  /// Dice by site and over the sites, one column per method and per predictor that ignores the image.
  ///
  /// Two methods also have a column of their difference.
  package var headline: TextTable {
    let hasPair = methods.count == 2
    let rows = places.map { site -> [String] in
      let scores = methods.map { score($0.name, site: site) }
      var row = [site ?? "mean over sites", "\(scores.first??.count ?? 0)"]
      row += scores.map { $0?[.dice]?.interval?.text ?? "–" }
      if hasPair {
        row.append(difference(methods[1].name, methods[0].name, site: site)?.interval.signedText ?? "–")
      }
      return row + trivial(at: site).map { NumberText.text($0.dice, decimals: 3) }
    }
    return (
      ["held-out site", "n"] + methods.map(\.name) + (hasPair ? ["difference"] : []) + trivialNames, rows
    )
  }

  /// Dice over the images with a lesion, which an empty mask cannot win, in the form of the headline.
  package var lesionHeadline: TextTable {
    let rows = places.map { site -> [String] in
      let scores = methods.map { score($0.name, site: site) }
      let count = scores.first.flatMap { $0 }.map { $0.count - $0.countEmptyReference } ?? 0
      return [site ?? "mean over sites", "\(count)"]
        + scores.map { $0?.diceWithLesion.interval?.text ?? "–" }
        + trivial(at: site).map { $0.diceWithLesion.map { NumberText.text($0, decimals: 3) } ?? "–" }
    }
    return (["images with a lesion", "n"] + methods.map(\.name) + trivialNames, rows)
  }

  /// Every pair of methods over the sites: Dice differences, intervals, test and effect size.
  package var pairs: TextTable {
    let rows = differences.filter { $0.metric == .dice && $0.site == nil }.map { item in
      [
        "\(item.candidate) − \(item.reference)", item.interval.signedText,
        item.overSeeds?.signedText ?? "–", "\(item.wins) / \(item.ties) / \(item.losses)",
        item.rankBiserial.map { String(format: "%+.2f", $0).replacingOccurrences(of: "-", with: "−") } ?? "–",
        item.wilcoxon.map { Self.p($0.p) } ?? "–", item.wilcoxon.map { Self.p($0.holm) } ?? "–",
      ]
    }
    return (
      [
        "Dice, mean over sites", "these models", "new seeds", "better / same / worse", "rank-biserial", "p",
        "p (Holm)",
      ], rows
    )
  }

  /// Dice on the training sites (validation split) and on the held-out sites.
  package var drops: TextTable {
    let rows = methods.compactMap { method -> [String]? in
      guard let score = score(method.name), let familiar = score.familiar, let dice = score[.dice]?.mean
      else { return nil }
      return [method.name] + [familiar, dice, familiar - dice].map { NumberText.text($0, decimals: 3) }
    }
    return (["method", "familiar sites (validation)", "held-out site", "drop"], rows)
  }

  /// The change of predictions under interventions; nil if it was not measured.
  package var counterfactuals: TextTable? {
    let models = methods.compactMap { method in
      counterfactual?[method.name].map { (name: method.name, summary: $0) }
    }
    return models.isEmpty ? nil : Counterfactual.table(models)
  }

  private static func p(_ value: Double) -> String {
    value < 0.001 ? "< 0.001" : String(format: "%.3f", value)
  }
}

extension RankStability.Agreement {
  /// The mean with its interval.
  package var text: String { Interval(value: mean, low: low, high: high).text }
}
