import Explaining
import Metrics
import Storage

extension HTMLPage {
  /// Adds how much the head uses of each confounder: Dice with it erased.
  package mutating func erasure(_ figure: ErasureFigure) {
    guard !figure.rows.isEmpty else { return }
    section(
      "What does the head use of each confounder?",
      "The words measure a confounder by the cosine of the image embedding with its entry. LEACE takes from the tower's "
        + "outputs what a linear map reads of this measure, and the same weights predict without it. Each site under the "
        + "model that did not see it, on at most \(figure.scored) images of a site, evenly spread, at "
        + "\(figure.imageSize) px; the erasure is fitted to at most \(figure.limit) images of every site.")
    paragraph(
      "Change of Dice, mean ± standard deviation over the held-out sites. Below 0 the head used it. Compare with the "
        + "random direction, which tells what any erasure of one direction costs.")
    let names = figure.rows.first.map { $0.entries.map(\.name) } ?? []
    func changes(_ method: String, _ entry: (ErasureFigure.Row) -> ErasureFigure.Entry?) -> String {
      let rows = figure.rows.filter { $0.method == method }
      let found = ScoreStatistics(of: rows.map { row in entry(row).map { $0.dice - row.dice } })
      let spread = found.standardDeviation.map { " ± \(Self.number($0))" } ?? ""
      return found.mean.map { "\(Self.signed($0, 3))\(spread)" } ?? "–"
    }
    func line(_ name: String, _ entry: (ErasureFigure.Row) -> ErasureFigure.Entry?) -> [String] {
      [name] + figure.methods.map { changes($0, entry) }
    }
    table(
      ["erased"] + figure.methods,
      names.map { name in line(name) { row in row.entries.first { $0.name == name } } }
        + [line("all entries", \.all), line("a random direction", \.random)],
      emphasised: [names.count])
  }
}
