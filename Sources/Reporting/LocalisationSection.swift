import Explaining
import Storage

/// The localisation of the region score, as a part of a page.
extension HTMLPage {
  /// Adds AUC of the region score and recall of the selection by site, with their means over sites.
  package mutating func localisation(_ figure: LocalisationFigure) {
    let images = figure.rows.reduce(0) { $0 + $1.found.count }
    section(
      "Where regions are selected",
      "How well the region score (\(figure.score)) tells lesion from not, by site, each site under the model that did not see "
        + "it (\(figure.method), seed \(figure.seed), \(counted(images, "image"))), on the feature grid: a position is lesion when at "
        + "least half of it is. By chance AUC is 0.5, and the selection keeps of lesions what it keeps of all positions. "
        + "A lesion is kept when at least half of its positions are. Images whose lesion fills half of no position count as "
        + "without one."
        + (figure.selects ? "" : " This method selects no regions: the table says what it would select."))
    func mean(_ value: (LocalisationFigure.Row) -> Double?) -> String {
      let values = figure.rows.compactMap(value)
      return values.isEmpty ? "–" : Self.number(values.reduce(0, +) / Double(values.count))
    }
    func share(_ value: Double?, _ count: Int) -> String { "\(Self.number(value)) of \(count)" }
    table(
      [
        "site", "images", "with a lesion", "AUC, mean over images", "AUC, all positions together",
        "selected of all positions", "of lesion positions", "of lesions",
      ],
      figure.rows.map { row in
        [
          row.site, "\(row.found.count)", "\(row.found.withLesion)", Self.number(row.found.area),
          Self.number(row.found.pooledArea), Self.number(row.fraction),
          share(row.found.positionRecall, row.found.positions),
          share(row.found.lesionRecall, row.found.lesions),
        ]
      } + [
        [
          "mean", "", "", mean(\.found.area), mean(\.found.pooledArea), mean(\.fraction),
          mean(\.found.positionRecall), mean(\.found.lesionRecall),
        ]
      ], emphasised: [figure.rows.count])
  }
}
