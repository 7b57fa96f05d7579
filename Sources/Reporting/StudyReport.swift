import Explaining
import Foundation
import Imaging
import Metrics
import Studies

/// The page of a study: one function per section, each from `StudyResults`.
package struct StudyReport {
  /// One row of pictures of the gallery.
  package struct Example {
    /// The caption.
    package let text: String
    /// The pictures with their labels.
    package let pictures: [(label: String, image: Image)]

    /// Makes a row from its parts.
    package init(text: String, pictures: [(label: String, image: Image)]) {
      self.text = text
      self.pictures = pictures
    }
  }

  /// The results of the study.
  package let results: StudyResults
  /// The duration of the study; nil if unknown.
  package let timing: StudyTiming?
  /// The epochs of every run.
  package let curves: [TrainingCurve]
  /// Feature maps, attention, pictures and cost; nil if none were computed.
  package let figures: StoredFigures?
  /// Further pictures.
  package let examples: [Example]
  /// What is still missing while the study runs; nil at its end.
  package let status: String?

  /// Makes a report from its parts.
  package init(
    results: StudyResults, timing: StudyTiming? = nil, curves: [TrainingCurve] = [],
    figures: StoredFigures? = nil, examples: [Example] = [], status: String? = nil
  ) {
    self.results = results
    self.timing = timing
    self.curves = curves
    self.figures = figures
    self.examples = examples
    self.status = status
  }

  /// Makes the page.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: a summary of the study, one or two sentences.
  /// - Returns: HTML.
  /// - Throws: `ImagingError.notEncoded`.
  package func page(title: String, lead: String) throws -> String {
    var page = HTMLPage(title: title, lead: lead, status: status)
    headline(&page)
    if let figures, let pictures = figures.gallery { try page.gallery(pictures, in: figures.folder) }
    try scenes(&page)
    differences(&page)
    ranks(&page)
    variation(&page)
    drops(&page)
    recovered(&page)
    strata(&page)
    scores(&page)
    detection(&page)
    calibration(&page)
    counterfactuals(&page)
    if let probes = figures?.probes { page.probes(probes) }
    if let adjustment = figures?.adjustment { page.adjustment(adjustment) }
    if let coverage = figures?.coverage { page.coverage(coverage) }
    if let erasure = figures?.erasure { page.erasure(erasure) }
    if let localisation = figures?.localisation { page.localisation(localisation) }
    if let attention = figures?.attention { page.attention(attention) }
    if let features = figures?.features { page.featureMaps(features) }
    if !curves.isEmpty { page.trainingCurves(curves) }
    if let cost = figures?.cost { page.costs(cost) }
    provenance(&page)
    return page.text
  }

  /// Adds Dice by site and method.
  func headline(_ page: inout HTMLPage) {
    page.section("Dice at sites that were not trained on", results.verdicts.joined(separator: " "))
    for finding in results.findings { page.paragraph(finding) }
    for table in [results.headline, results.lesionHeadline] {
      page.table(table.headings, table.rows, emphasised: [table.rows.count - 1])
    }
    page.paragraph(
      (results.trivial == nil
        ? "Predictors that ignore the image were not scored by the version that ran this study."
        : "A model must beat the predictors that ignore the image: \(results.trivialNames.joined(separator: ", ")). "
          + "Where images have no lesion, an empty mask scores 1, so read the second table as well.")
        + (results.intervalNote.map { " \($0)" } ?? ""))
    page.drawing(
      IntervalPlot(
        series: results.methods.map(\.name),
        rows: results.places.map { site in
          .init(
            label: site ?? "mean",
            marks: results.methods.map { results.score($0.name, site: site)?[.dice]?.interval })
        }
      ).svg, caption: "\(results.headlineCaption), by held-out site.")
    let rules = results.protocol
    page.details("how this was computed") { page in
      page.paragraph("Intervals: \(rules.intervals).")
      page.paragraph(
        "Chosen: \(rules.selection). Prediction: \(rules.threshold?.rule ?? "the rule of inference.threshold of each run"). "
          + rules.emptyMaskPolicy)
    }
  }

  /// Adds paired differences: a plot against the reference, and every pair over the sites.
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
        }, showsZero: true, first: 1
      ).svg,
      caption:
        "\(candidates.joined(separator: ", ")) minus \(reference), Dice with 95 % intervals for these models."
    )
    let table = results.pairs
    page.table(table.headings, table.rows)
    page.paragraph("Tests: \(results.protocol.tests).")
  }

  /// Adds the stability of the ranking of three or more methods.
  func ranks(_ page: inout HTMLPage) {
    guard let ranks = results.ranks, ranks.methods.count > 2 else { return }
    if let reason = ranks.reason {
      page.section("How firm is the order?", "That cannot be told: \(reason).")
      return page.table(["method", "rank"], ranks.methods.map { [$0.method, "\($0.rank)"] })
    }
    let tau = ranks.kendallTau.map {
      "Kendall's tau between the order of a resample and the order here: \($0.text)."
    }
    page.section("How firm is the order?", "Ranked \(results.protocol.ranking). \(tau ?? "")")
    func text(_ value: Double?, _ decimals: Int) -> String { HTMLPage.number(value, decimals) }
    page.table(
      ["method", "rank", "mean rank", "95 % of resamples"] + ranks.methods.indices.map { "rank \($0 + 1)" },
      ranks.methods.map { row in
        [row.method, "\(row.rank)", text(row.mean, 2), "\(text(row.low, 0)) to \(text(row.high, 0))"]
          + row.shares.map { "\(text(100 * $0, 0)) %" }
      })
  }

  /// Adds the loss of score at a new site.
  func drops(_ page: inout HTMLPage) {
    let table = results.drops
    guard !table.rows.isEmpty else { return }
    page.section(
      "What the move to a new site costs",
      "Dice of the chosen epoch on the validation images of the sites that were trained on, beside Dice at "
        + "the held-out site. The epoch was chosen on the first, which flatters it a little.")
    page.table(table.headings, table.rows)
  }

  /// Adds the shares of the cost of confounding that methods win back.
  func recovered(_ page: inout HTMLPage) {
    guard let table = results.recoveryTable else { return }
    page.section(
      "How much of the cost of confounding is won back?",
      "An oracle is trained on the same scenes without the link between lesion and confounder. Its lead over the "
        + "same arm with the link is the cost of confounding. A share of 1 is all of it; a method can also gain by "
        + "robustness, which is no deconfounding. Means over the sites with 95 % intervals for these models.")
    page.table(table.headings, table.rows)
  }

  /// Adds scores by lesion class and size.
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

  /// Adds Dice over the varied number, if the arms differ only in one number.
  func variation(_ page: inout HTMLPage) {
    let points = results.methods.map { method -> (x: Double, method: String)? in
      guard let only = method.settings.first, method.settings.count == 1,
        let value = Double(only.value.text)
      else { return nil }
      return (value, method.name)
    }
    let names = Set(results.methods.compactMap(\.settings.first?.key))
    guard names.count == 1, let name = names.first, points.count > 1, points.allSatisfy({ $0 != nil }) else {
      return
    }
    let costs = figures?.cost
    page.curve(
      "Dice by \(name)",
      "Mean Dice over the held-out sites with 95 % intervals; all other settings are the same.",
      variable: name, score: "Dice",
      points: points.compactMap { $0 }.sorted { $0.x < $1.x }.map { point in
        let cost = costs?.rows.first { $0.method == point.method }
        return CurvePoint(
          x: point.x, score: results.score(point.method)?[.dice]?.interval,
          cells: [
            cost.map { "\($0.parameters)" } ?? "–", cost.map { "\($0.intervention)" } ?? "–",
            cost.map { String(format: "%.1f", $0.latency) } ?? "–",
          ])
      }, columns: ["parameters", "of the intervention", "ms an image"])
  }

  /// Adds every score over the sites.
  func scores(_ page: inout HTMLPage) {
    page.section(
      "Every score",
      "Means over the sites with 95 % intervals. Distances are in \(results.protocol.distanceUnit), and in % of the "
        + "image's diagonal, over images with a lesion and a mark; surface Dice at \(results.protocol.tolerance) "
        + "\(results.protocol.distanceUnit). " + results.protocol.emptyMaskPolicy)
    // Two empty masks have the distance 0. Over all images, a model that marks nothing would win.
    let distances: Set<Metric> = [.hd95, .hd95Percent, .asd, .asdPercent]
    for withLesion in [false, true] {
      page.table(
        [withLesion ? "images with a lesion" : "all images"] + results.methods.map(\.name)
          + results.trivialNames,
        Metric.allCases.filter { withLesion || !distances.contains($0) }.map { metric in
          [metric.title]
            + results.methods.map { method in
              let score = results.score(method.name)
              let figure = withLesion ? score?.metricsWithLesion[metric] : score?[metric]
              return figure?.interval?.text ?? "–"
            } + results.trivial(at: nil).map { HTMLPage.number($0.value(metric, withLesion: withLesion)) }
        })
    }
    if let polyp = results.polypTable {
      page.paragraph(
        "By the polyp protocol (pranet), images of all sites and seeds together. \(results.polypDefinition ?? "")"
      )
      page.table(polyp.headings, polyp.rows)
    }
  }

  /// Adds the detection of lesions.
  func detection(_ page: inout HTMLPage) {
    let criterion =
      results.pooled.lazy.compactMap(\.detection.criterion).first ?? LesionDetection.defaultCriterion
    page.section(
      "Lesions found",
      "Connected parts of reference and prediction; a lesion is found by a part that overlaps it with an IoU of at least "
        + "\(criterion). Images of all sites and seeds together.")
    page.table(results.detectionTable.headings, results.detectionTable.rows)
  }

  /// Adds the calibration of probabilities.
  func calibration(_ page: inout HTMLPage) {
    let series = results.methods.compactMap { method -> ReliabilityPlot.Series? in
      guard let row = results.pooled.first(where: { $0.method == method.name && $0.site == nil }),
        let calibration = row.calibration
      else { return nil }
      return ReliabilityPlot.Series(
        name: method.name,
        bins: calibration.curve.map {
          ReliabilityPlot.Bin(count: $0.count, confidence: $0.meanConfidence, positives: $0.shareOfPositives)
        })
    }
    guard !series.isEmpty else { return }
    page.reliability(
      series,
      text:
        "Every pixel of every held-out image, all sites and seeds together; most pixels are plain background."
    )
    page.table(results.calibrationTable.headings, results.calibrationTable.rows)
  }

  /// Adds the change of predictions under interventions.
  func counterfactuals(_ page: inout HTMLPage) {
    guard let table = results.counterfactuals else { return }
    page.section(
      "Does the prediction move when only a confounder moves?",
      "The same scenes, rendered without and with each confounder. \(Counterfactual.legend). Mean over the "
        + "models of the first seed. Every one of these scenes has a lesion and, without a confounder, nothing "
        + "in its way: hence more Dice than above.")
    page.table(table.headings, table.rows, emphasised: [table.rows.count - 1])
  }
}
