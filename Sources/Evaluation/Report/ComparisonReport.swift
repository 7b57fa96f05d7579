import Foundation
import Imaging

/// Two methods side by side over held-out sites: `results.json` and the page that shows it.
public struct ComparisonReport: Encodable {
  /// What it was made with.
  public struct Environment: Codable, Sendable {
    /// Version of this software.
    public let version: String
    /// Version of libtorch.
    public let libtorch: String
    /// Vector instructions of the processor.
    public let vectorInstructions: String
    /// Models trained side by side, each on one thread.
    public let threads: Int
    /// Seconds from start to report.
    public let seconds: Double

    /// Joins the parts.
    public init(version: String, libtorch: String, vectorInstructions: String, threads: Int, seconds: Double)
    {
      self.version = version
      self.libtorch = libtorch
      self.vectorInstructions = vectorInstructions
      self.threads = threads
      self.seconds = seconds
    }
  }

  /// What is in the data, for the reader.
  public let data: String
  /// The headline.
  public let comparison: MethodComparison
  /// Movement of predictions under interventions, by method.
  public let counterfactual: [String: Counterfactual.Summary]
  /// Every fold with every image.
  public let folds: [FoldResult]
  /// The rule for empty masks.
  public let policy = EmptyMaskPolicy.statement
  /// What it was made with.
  public let environment: Environment

  enum CodingKeys: String, CodingKey {
    case data, comparison, counterfactual, folds, environment
    case policy = "empty_mask_policy"
  }

  /// Joins the parts.
  public init(
    data: String, comparison: MethodComparison, counterfactual: [String: Counterfactual.Summary],
    folds: [FoldResult], environment: Environment
  ) {
    self.data = data
    self.comparison = comparison
    self.counterfactual = counterfactual
    self.folds = folds
    self.environment = environment
  }

  /// A number with its interval, `0.512 (0.480–0.544)`.
  public static func text(_ interval: Interval?, signed: Bool = false) -> String {
    guard let interval else { return "–" }
    func number(_ value: Double) -> String {
      let text = String(format: "%.3f", abs(value))
      return value < 0 ? "−" + text : signed ? "+" + text : text
    }
    return "\(number(interval.value)) (\(number(interval.low)) to \(number(interval.high)))"
  }

  /// What the comparison says, in a sentence: a difference is called one only when its interval excludes zero.
  public var verdict: String {
    guard let difference = comparison.rows.last?.difference else { return "There is nothing to compare." }
    let text = Self.text(difference, signed: true)
    let (candidate, reference) = (comparison.candidate, comparison.reference)
    guard difference.excludesZero else {
      return
        "No difference between \(candidate) and \(reference) was shown: \(text) Dice, an interval that holds zero."
    }
    return
      "\(candidate) is \(difference.value > 0 ? "ahead of" : "behind") \(reference) by \(text) Dice at the held-out "
      + "sites, for these sites and trained models."
  }

  /// The overall difference of each seed, in words.
  public var bySeed: String {
    let values = zip(comparison.seeds, comparison.rows.last?.differenceBySeed ?? []).map { seed, difference in
      "\(seed): \(difference < 0 ? "−" : "+")\(String(format: "%.3f", abs(difference)))"
    }
    return "Difference by seed, mean over sites: " + values.joined(separator: ", ")
  }

  /// The headline table: by site and over all, Dice of both methods and the difference.
  public var table: (headings: [String], rows: [[String]]) {
    let methods = [comparison.reference, comparison.candidate]
    let rows = comparison.rows.map { row in
      [row.site ?? "mean over sites", "\(row.count)"] + methods.map { Self.text(row.dice[$0]) }
        + [Self.text(row.difference, signed: true)]
    }
    return (["held-out site", "n"] + methods + ["difference"], rows)
  }

  /// Dice on the sites that were trained on (validation split) beside the held-out site.
  public var drops: (headings: [String], rows: [[String]]) {
    let rows = [comparison.reference, comparison.candidate].compactMap { method -> [String]? in
      guard let row = comparison.rows.last, let familiar = row.familiar[method], let dice = row.dice[method]
      else { return nil }
      return [
        method, String(format: "%.3f", familiar), String(format: "%.3f", dice.value),
        String(format: "%.3f", familiar - dice.value),
      ]
    }
    return (["method", "familiar sites (validation)", "held-out site", "drop"], rows)
  }

  /// The counterfactual table; nil without a check.
  public var counterfactuals: (headings: [String], rows: [[String]])? {
    let models = [comparison.reference, comparison.candidate].compactMap { method in
      counterfactual[method].map { (name: method, summary: $0) }
    }
    return models.isEmpty ? nil : Counterfactual.table(models)
  }

  /// A row of pictures of the gallery.
  public struct Example {
    /// What it shows.
    public let text: String
    /// The pictures with their labels.
    public let pictures: [(label: String, image: Image)]

    /// Joins the parts.
    public init(text: String, pictures: [(label: String, image: Image)]) {
      self.text = text
      self.pictures = pictures
    }
  }

  /// The page.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: what was done, in a sentence or two.
  ///   - examples: the gallery.
  ///   - settings: names and values to print at the end.
  /// - Returns: HTML.
  /// - Throws: `ImagingError.notEncoded`.
  public func page(
    title: String, lead: String, examples: [Example], settings: [(String, String)]
  ) throws -> String {
    var page = HTMLPage(title: title, lead: lead)
    page.section("Dice at sites that were not trained on", verdict)
    page.table(table.headings, table.rows, emphasised: [table.rows.count - 1])
    page.drawing(
      IntervalPlot(
        series: [comparison.reference, comparison.candidate],
        rows: comparison.rows.map { row in
          .init(
            label: row.site ?? "mean",
            marks: [comparison.reference, comparison.candidate].map { row.dice[$0] })
        }
      ).svg, caption: "Mean Dice by held-out site, with 95 % intervals.")
    page.drawing(
      IntervalPlot(
        series: ["difference"],
        rows: comparison.rows.map { .init(label: $0.site ?? "mean", marks: [$0.difference]) }, showsZero: true
      ).svg,
      caption: "\(comparison.candidate) minus \(comparison.reference), paired by image, with 95 % intervals.")
    page.paragraph(
      "\(bySeed). Intervals: \(comparison.intervals). "
        + "Chosen: \(comparison.selection). \(policy)")
    page.section(
      "What the move to a new site costs",
      "Dice of the chosen epoch on the validation images of the sites that were trained on, beside Dice at the "
        + "held-out site. The epoch was chosen by the first, which flatters it a little.")
    page.table(drops.headings, drops.rows)
    if let counterfactuals {
      page.section(
        "Does the prediction move when only a confounder moves?",
        "The same scenes, rendered without and with each confounder. \(Counterfactual.legend). Mean over the models "
          + "of the first seed. Every one of these scenes has a lesion and, without a confounder, nothing in its way: "
          + "hence more Dice than above.")
      page.table(
        counterfactuals.headings, counterfactuals.rows, emphasised: [counterfactuals.rows.count - 1])
    }
    if !examples.isEmpty {
      page.section("Pictures", "Blue: the reference. Yellow: the prediction.")
      for example in examples { try page.gallery(example.text, example.pictures) }
    }
    page.section("How it was made", data)
    page.table(
      ["setting", "value"],
      settings.map { [$0.0, $0.1] } + [
        ["mcdrl", environment.version], ["libtorch", environment.libtorch],
        ["vector instructions", environment.vectorInstructions],
        ["models side by side", "\(environment.threads)"],
        ["time", String(format: "%.0f s", environment.seconds)],
      ])
    return page.text
  }
}
