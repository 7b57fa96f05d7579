import Explaining
import Metrics
import Statistics
import Storage
import Studies

/// Sections that show whether a method removed confounding.
extension HTMLPage {
  /// Adds the predictions of a linear probe on the features: the site, and each true confounder.
  package mutating func probes(_ figure: ProbeFigure) {
    let known = figure.rows.contains { !$0.confounders.isEmpty }
    let trained = figure.rows.map(\.trained).max() ?? 0
    let chance = figure.rows.compactMap { $0.site.before?.balancedChance }.max()
    let seeds = figure.rows.map(\.seed).uniqued.map(String.init).joined(separator: ", ")
    section(
      "What can still be read off the features",
      "A linear probe (logistic regression on features that stay as they are, cross-validated in \(figure.folds) parts by patient or "
        + "sequence) asks how much of the site\(known ? " and of each true confounder" : "") is in F, before the intervention, in F_ca, "
        + "after it, and in the grid that the head is handed, where unselected positions stand too; each is the mean over its positions. "
        + "Without an intervention the head is handed F, so methods are compared by that column. One model for each method and held-out site, seed "
        + "\(seeds); mean ± standard deviation over the held-out sites, which with a frozen tower have F in common."
        + (trained > 0 ? " Up to \(trained) of a model's images were trained on." : ""))
    paragraph(
      "Site: the mean share of each site's images that is recognised (balanced accuracy); guessing reaches \(Self.number(chance)), and "
        + "from so few images the share has a standard error of up to \(Self.number(figure.largestError))."
        + (known
          ? " Confounders: AUC, mean over those that at least ten images have and ten lack, comparing only images of one site; guessing "
            + "reaches 0.5."
          : " This data does not say which confounders an image has, so only the site is asked."))
    table(
      // The table is narrow enough to fit on a page.
      ["method", "site: F", "F_ca", "head"] + (known ? ["confounders: F", "F_ca", "head"] : []),
      figure.methods.map { method in
        [method]
          + Self.cells(figure, method) { $0.site.map(\.balancedAccuracy) }
          + (known ? Self.cells(figure, method, \.meanConfounder) : [])
      })
    let unfinished = figure.unconverged
    if unfinished > 0 {
      paragraph(
        "\(unfinished) of the probes did not come to their minimum: what they read is a lower bound (converged: false in "
          + "probes.json).")
    }
    for line in figure.conclusions { paragraph(line) }
    if known { details("each confounder") { $0.confounders(figure) } }
    details("every model (\(figure.rows.count))") { page in
      func cells(_ score: ProbeScore?) -> [String] {
        [Self.number(score?.accuracy), Self.number(score?.balancedAccuracy), Self.number(score?.area)]
      }
      page.paragraph("Images: \(figure.images).")
      page.table(
        ["method", "held out", "images", "trained on", "most frequent site"]
          + ["F", "F_ca", "head"].flatMap { ["\($0): accuracy", "\($0): balanced", "\($0): AUC"] },
        figure.rows.map { row in
          [
            row.method, row.heldOut, "\(row.count)", "\(row.trained)", Self.number(row.site.before?.chance),
          ] + cells(row.site.before) + cells(row.site.after) + cells(row.site.head)
        })
    }
  }

  private mutating func confounders(_ figure: ProbeFigure) {
    paragraph("AUC, mean ± standard deviation over the held-out sites; images: how many have it, mean.")
    let names = figure.rows.flatMap { $0.confounders.map(\.name) }.uniqued
    func score(_ row: ProbeFigure.Row, _ name: String) -> ProbeFigure.Layers<ProbeScore>? {
      row.confounders.first { $0.name == name }?.score
    }
    table(
      ["confounder", "images"] + figure.methods.flatMap { name in Self.layers.map { "\(name) \($0)" } },
      names.map { name in
        let present = ScoreStatistics(
          of: figure.rows.map { score($0, name)?.before?.present.map(Double.init) })
        return [name, Self.number(present.mean, 0)]
          + figure.methods.flatMap { method in
            Self.cells(figure, method) { score($0, name)?.map(\.area) }
          }
      })
  }

  /// Adds the error of the method's sum over confounders against the exact sum, by site.
  package mutating func adjustment(_ figure: AdjustmentFigure) {
    guard !figure.rows.isEmpty else { return }
    let uniform = figure.rows.allSatisfy { row in
      row.prior.allSatisfy { abs($0 * Double(row.prior.count) - 1) < 1e-6 }
    }
    section(
      "One pass against the adjustment itself",
      "The adjustment asks for E_z[H(A(F, z))]: the prediction under every confounder alone, averaged with P(z). The method computes "
        + "H(E_z[A(F, z)]) in one pass. Both at each site under the model that did not see it, on at most \(figure.limit) images of a site, "
        + "evenly spread, at \(figure.imageSize) px. In attention the weights of z follow F; prior adds log P(z) to them; exact averages "
        + "features with P(z) itself."
        + (uniform ? " P(z) is uniform here, so attention and prior are the same." : ""))
    paragraph(
      "Gap: the mean absolute difference of the probabilities ± its standard deviation over images. Masks alike: Dice between the two "
        + "predictions. * marks the form that the model was trained with; the others are computed with its weights."
    )
    table(
      ["method", "site", "images", "form", "gap", "masks alike", "Dice", "Dice of E_z[H]"],
      figure.rows.flatMap { row in
        row.forms.map { form in
          [
            row.method, row.site, "\(row.count)", form.name + (form.trained ? " *" : ""),
            "\(Self.number(form.difference, 4)) ± \(Self.number(form.deviation, 4))",
            Self.number(form.agreement), Self.number(form.dice), Self.number(row.dice),
          ]
        }
      })
  }

  /// Adds the shifts between sites that the dictionary explains, and advice about the others.
  package mutating func coverage(_ figure: CoverageFigure) {
    guard !figure.rows.isEmpty else { return }
    section(
      "Does the dictionary have a word for what differs between sites?",
      "How well a linear probe tells a site from all others, as an AUC (0.5: not at all): from F, from F_ca, from the image embedding, "
        + "and from the dictionary's own coordinates, which are the cosines of the image embedding with the entries. A site that F_ca tells apart "
        + "(\(NumberText.text(CoverageFigure.toldApart, decimals: 1)) or more) while the entries, all together and each alone, reach less than half of "
        + "that, counted from 0.5, differs in something that no entry names. The best entry alone is the one whose cosine tells the "
        + "site apart best; it explains the site by the same rule. Sites differ in their patients, too, and a word for those would be the wrong one: look before you "
        + "add. Images: \(figure.images).")
    for method in figure.methods {
      subsection(method)
      for line in figure.advice(method) { paragraph(line) }
      table(
        [
          "site", "F", "F_ca", "image embedding", "entries", "best entry alone",
          "largest shifts of entries, deviations",
        ],
        figure.places(method).map { place in
          [
            place.site, Self.number(place.before), Self.number(place.features),
            Self.number(place.embedding), Self.number(place.coordinates), Self.alone(place),
            place.nearest.prefix(3).map { "\($0.name) \(Self.signed($0.shift, 2))" }.joined(separator: ", "),
          ]
        })
      details("each entry removed") { page in
        page.paragraph(
          "F_ca with an entry taken out of the dictionary: the mean AUC over sites, and its change ± standard deviation over the "
            + "models. Above zero, the entry helps to hide the site; near zero, nothing is lost without it. The last column has the sites "
            + "that the entry explains alone, with its AUC.")
        let explained = figure.explained(method)
        page.table(
          ["without", "AUC", "change", "explains alone"],
          figure.changes(method).map { name, area, change in
            [
              name, Self.number(area),
              change.mean.map { Self.signed($0, 4) + Self.deviation(change, 4) } ?? "–",
              explained.map { Self.sites($0[name] ?? []) } ?? "–",
            ]
          })
      }
    }
  }

  /// The entry that alone tells a site apart best, and whether it explains the site.
  private static func alone(_ place: CoverageFigure.Place) -> String {
    guard let best = place.entriesAlone?.first else { return "–" }
    return "\(best.name) \(number(best.area))" + (CoverageFigure.explains(best, place) ? ", explains" : "")
  }

  private static func sites(_ cases: [(site: String, area: Double)]) -> String {
    cases.isEmpty ? "no site" : cases.map { "\($0.site) \(number($0.area, 2))" }.joined(separator: ", ")
  }

  /// The layers of the probes, in the order of columns.
  private static let layers = ["from F", "from F_ca", "at the head"]

  private static func cells(
    _ figure: ProbeFigure, _ method: String, _ value: (ProbeFigure.Row) -> ProbeFigure.Layers<Double>?
  ) -> [String] {
    [\.before, \.after, \.head].map { (layer: KeyPath<ProbeFigure.Layers<Double>, Double?>) in
      spread(figure.statistics(method) { value($0)?[keyPath: layer] })
    }
  }

  private static func spread(_ statistics: ScoreStatistics) -> String {
    statistics.mean == nil ? "–" : number(statistics.mean) + deviation(statistics, 3)
  }

  private static func deviation(_ statistics: ScoreStatistics, _ decimals: Int) -> String {
    statistics.standardDeviation.map { " ± \(number($0, decimals))" } ?? ""
  }

  static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = number(abs(value), decimals)
    return (value < 0 ? "−" : "+") + text
  }
}

extension ProbeFigure {
  /// The number of probes, of site or confounder at one layer of one model, that did not converge.
  package var unconverged: Int {
    rows.flatMap { row in [row.site] + row.confounders.map(\.score) }
      .flatMap { [$0.before, $0.after, $0.head] }.count { $0?.converged == false }
  }

  /// The smallest drop of a probe's score that counts, mean over held-out sites.
  ///
  /// A smaller drop may be chance. The limit is 0.02, or the standard error of a share if that is
  /// larger, as for few images.
  package var noticeable: Double { max(0.02, largestError ?? 0) }

  /// States for each method with an intervention whether it removed the confounding.
  package var conclusions: [String] {
    methods.compactMap { method in
      let own = rows.filter { $0.method == method }
      func changes(_ value: (Row) -> (Double?, Double?)) -> [Double] {
        own.compactMap { row in
          guard case (let before?, let after?) = value(row) else { return nil }
          return after - before
        }
      }
      let sites = changes { ($0.site.before?.balancedAccuracy, $0.site.after?.balancedAccuracy) }
      let confounders = changes { ($0.meanConfounder.before, $0.meanConfounder.after) }
      guard !sites.isEmpty || !confounders.isEmpty else { return nil }
      let parts = [("the site", sites), ("the confounders", confounders)].filter { !$0.1.isEmpty }
      let texts = parts.map { name, values in
        let mean = values.reduce(0, +) / Double(values.count)
        return "\(name) by \(mean < 0 ? "−" : "+")\(NumberText.text(abs(mean), decimals: 3)) "
          + "(lower with \(values.count { $0 < 0 }) of \(values.count) held-out sites)"
      }
      let lower = parts.filter {
        $0.1.allSatisfy { $0 < 0 } && $0.1.reduce(0, +) / Double($0.1.count) <= -noticeable
      }.map(\.0)
      let verdict =
        lower.count == parts.count
        ? "It takes out some of what it is meant to take out."
        : lower.isEmpty
          ? "It does not take them out: if it wins, it does not win by that."
          : "It takes out some of \(lower[0]), and not of \(parts.first { !lower.contains($0.0) }?.0 ?? "the rest")."
      return
        "\(method), from F to F_ca: what the probe reads changes for \(texts.joined(separator: ", for ")). \(verdict)"
        + atHead(method)
    }
  }

  /// Compares a method at the input of the head with the first method without an intervention.
  private func atHead(_ method: String) -> String {
    let plain = methods.first { name in
      rows.contains { $0.method == name && $0.site.after == nil && $0.site.head != nil }
    }
    func mean(_ name: String, _ value: (Row) -> Double?) -> Double? { statistics(name, value).mean }
    guard let plain, let own = mean(method, { $0.site.head?.balancedAccuracy }),
      let other = mean(plain, { $0.site.head?.balancedAccuracy })
    else { return "" }
    var text =
      " At the head the site is read with \(NumberText.text(own, decimals: 3)), with \(plain) "
      + NumberText.text(other, decimals: 3)
    if let own = mean(method, { $0.meanConfounder.head }), let other = mean(plain, { $0.meanConfounder.head })
    {
      text +=
        "; the confounders with \(NumberText.text(own, decimals: 3)), with \(plain) "
        + NumberText.text(other, decimals: 3)
    }
    return text + "."
  }

  /// The standard error of a share of one half, for the row with the fewest images.
  package var largestError: Double? { rows.map(\.count).min().map { 0.5 / Double($0).squareRoot() } }
}
