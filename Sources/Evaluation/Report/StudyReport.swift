import Foundation
import Imaging

/// The page that shows a study: one function a section, each from ``StudyResults``.
public struct StudyReport {
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

  /// What is shown.
  public let results: StudyResults
  /// How long it took; nil where that is not known.
  public let timing: StudyTiming?
  /// The gallery.
  public let examples: [Example]

  /// Joins the parts.
  public init(results: StudyResults, timing: StudyTiming? = nil, examples: [Example] = []) {
    self.results = results
    self.timing = timing
    self.examples = examples
  }

  /// The page.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: what was done, in a sentence or two.
  /// - Returns: HTML.
  /// - Throws: `ImagingError.notEncoded`.
  public func page(title: String, lead: String) throws -> String {
    var page = HTMLPage(title: title, lead: lead)
    headline(&page)
    differences(&page)
    ranks(&page)
    costs(&page)
    strata(&page)
    counterfactuals(&page)
    try gallery(&page)
    provenance(&page)
    return page.text
  }

  /// Dice by site and method.
  func headline(_ page: inout HTMLPage) {
    page.section("Dice at sites that were not trained on", results.verdicts.joined(separator: " "))
    let table = results.headline
    page.table(table.headings, table.rows, emphasised: [table.rows.count - 1])
    page.drawing(
      IntervalPlot(
        series: results.methods.map(\.name),
        rows: results.places.map { site in
          .init(
            label: site ?? "mean",
            marks: results.methods.map { results.score($0.name, site: site)?[.dice]?.interval })
        }
      ).svg, caption: "Mean Dice by held-out site, with 95 % intervals.")
    let rules = results.protocol
    page.paragraph(
      "Intervals: \(rules.intervals). Chosen: \(rules.selection). Prediction: probability above "
        + "\(rules.threshold). \(rules.emptyMaskPolicy)")
  }

  /// Paired differences: a plot of those from the reference, and every pair over the sites.
  func differences(_ page: inout HTMLPage) {
    guard let reference = results.methods.first?.name, results.methods.count > 1 else { return }
    page.section("Differences between methods, paired by image", "\(results.protocol.decision).")
    let candidates = results.methods.dropFirst().map(\.name)
    page.drawing(
      IntervalPlot(
        series: candidates,
        rows: results.places.map { site in
          .init(
            label: site ?? "mean",
            marks: candidates.map { results.difference($0, reference, site: site)?.interval })
        }, showsZero: true
      ).svg,
      caption:
        "\(candidates.joined(separator: ", ")) minus \(reference), Dice with 95 % intervals for these models."
    )
    let table = results.pairs
    page.table(table.headings, table.rows)
    page.paragraph("Tests: \(results.protocol.tests).")
  }

  /// How firm the order of three or more methods is.
  func ranks(_ page: inout HTMLPage) {
    guard let ranks = results.ranks, ranks.methods.count > 2 else { return }
    let tau = ranks.kendallTau.map {
      "Kendall's tau between the order of a resample and the order here: \($0.text)."
    }
    page.section("How firm is the order?", "Ranked \(results.protocol.ranking). \(tau ?? "")")
    page.table(
      ["method", "rank", "mean rank", "95 % of resamples"] + ranks.methods.indices.map { "rank \($0 + 1)" },
      ranks.methods.map { row in
        [
          row.method, "\(row.rank)", String(format: "%.2f", row.mean),
          String(format: "%.0f to %.0f", row.low, row.high),
        ] + row.shares.map { String(format: "%.0f %%", 100 * $0) }
      })
  }

  /// What the move to a new site costs.
  func costs(_ page: inout HTMLPage) {
    let table = results.drops
    guard !table.rows.isEmpty else { return }
    page.section(
      "What the move to a new site costs",
      "Dice of the chosen epoch on the validation images of the sites that were trained on, beside Dice at the "
        + "held-out site. The epoch was chosen by the first, which flatters it a little.")
    page.table(table.headings, table.rows)
  }

  /// Figures by lesion class and size.
  func strata(_ page: inout HTMLPage) {
    guard !results.strata.isEmpty else { return }
    page.section("By lesion class, lesion size and empty reference", "\(results.protocol.strata).")
    page.table(
      ["Dice", "n", "groups"] + results.methods.map(\.name),
      results.strata.map { stratum in
        ["\(stratum.kind.rawValue): \(stratum.name)", "\(stratum.count)", "\(stratum.groups)"]
          + results.methods.map { method in
            stratum.methods.first { $0.method == method.name }?.dice.text ?? "–"
          }
      })
  }

  /// Movement of predictions under interventions.
  func counterfactuals(_ page: inout HTMLPage) {
    guard let table = results.counterfactuals else { return }
    page.section(
      "Does the prediction move when only a confounder moves?",
      "The same scenes, rendered without and with each confounder. \(Counterfactual.legend). Mean over the models "
        + "of the first seed. Every one of these scenes has a lesion and, without a confounder, nothing in its way: "
        + "hence more Dice than above.")
    page.table(table.headings, table.rows, emphasised: [table.rows.count - 1])
  }

  /// Pictures.
  func gallery(_ page: inout HTMLPage) throws {
    guard !examples.isEmpty else { return }
    page.section("Pictures", "Blue: the reference. Yellow: the prediction.")
    for example in examples { try page.gallery(example.text, example.pictures) }
  }

  /// Data, settings, versions, hardware, time.
  func provenance(_ page: inout HTMLPage) {
    page.section("How it was made", results.description)
    page.table(
      ["site", "images", "groups", "without a lesion", "fingerprint"],
      results.sites.map {
        [$0.name, "\($0.count)", "\($0.groups)", "\($0.countEmptyReference)", results.data[$0.name] ?? "–"]
      })
    let environment = results.environment
    var rows = [
      ["seeds", results.seeds.map(String.init).joined(separator: ", ")], ["mcdrl", environment.version],
      ["libtorch", environment.libtorch], ["processor", environment.processor],
      ["vector instructions", environment.vectorInstructions], ["device", environment.device],
      ["precision", environment.precision],
    ]
    if let timing {
      rows += [
        ["models side by side", "\(timing.workers)"], ["time", String(format: "%.0f s", timing.total)],
      ]
    }
    rows += results.settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value.text] }
    for method in results.methods {
      rows += method.settings.sorted { $0.key < $1.key }.map { ["\(method.name): \($0.key)", $0.value.text] }
    }
    page.table(["setting", "value"], rows)
  }
}
