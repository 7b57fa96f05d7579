import Statistics
import Studies

extension HTMLPage {
  /// Makes the page of a model card, `card.html`.
  ///
  /// - Parameter card: the card.
  /// - Returns: a page without external resources.
  package static func card(_ card: ModelCard) -> HTMLPage {
    let document = CardDocument(card)
    var page = HTMLPage(title: document.title, lead: document.lead)
    for section in document.sections {
      page.section(section.heading)
      page.add(section.blocks)
    }
    return page
  }

  private mutating func add(_ blocks: [CardDocument.Block]) {
    for block in blocks {
      switch block {
      case .paragraph(let text): paragraph(text)
      case .list(let items): list(items)
      case .facts(let facts): self.facts(facts)
      case .table(let headings, let rows, let emphasised): table(headings, rows, emphasised: emphasised)
      case .code(let lines): code(lines)
      case .intervals(let rows, let series, let caption):
        drawing(
          IntervalPlot(
            series: [series], rows: rows.map { .init(label: $0.label, marks: [$0.interval]) }
          ).svg, caption: caption)
      case .details(let summary, let parts): details(summary) { $0.add(parts) }
      }
    }
  }
}
