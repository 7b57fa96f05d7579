import Statistics
import Studies

/// The parts of a model card in the order of reading, before they become Markdown or HTML.
///
/// All texts are plain. The two forms escape them.
struct CardDocument {
  /// One part.
  enum Block {
    /// A paragraph.
    case paragraph(String)
    /// A list of sentences.
    case list([String])
    /// Names with a text each.
    case facts([(name: String, text: String)])
    /// A table; the first column is left-aligned.
    case table(headings: [String], rows: [[String]], emphasised: Set<Int> = [])
    /// Lines for a terminal.
    case code([String])
    /// Means with their intervals as a drawing, which only HTML has; a table has the numbers.
    case intervals([(label: String, interval: Interval?)], series: String, caption: String)
    /// Parts that HTML shows when the reader opens them.
    case details(String, [Block])
  }

  /// A heading with its parts.
  struct Section {
    let heading: String
    let blocks: [Block]
  }

  let title: String
  let lead: String
  let sections: [Section]

  /// Orders the parts of a card.
  ///
  /// A reader who stops early has read the warnings and what to expect at a new hospital.
  init(_ card: ModelCard) {
    title = card.title
    lead =
      "Research software, not a medical device: not for diagnosis, therapy or any other decision about a patient. "
      + "This card holds what the run of the model knows of itself, and nothing else."
    sections = [
      Section(heading: "Before you use it", blocks: [.list(card.warnings)]),
      card.expectation, card.identity, card.purpose, card.data, card.procedure, card.scores, card.sureness,
      card.evidence, Section(heading: "Limits", blocks: [.list(card.limits)]), card.licences, card.handling,
      card.everySetting,
    ].compactMap { $0 }
  }
}

/// Names for a row of a card's tables.
extension Interval {
  /// The number with its interval and these decimals; `–` for none.
  static func text(_ interval: Interval?, decimals: Int = 3) -> String {
    guard let interval else { return "–" }
    guard decimals != 3 else { return interval.text }
    func number(_ value: Double) -> String { HTMLPage.number(value, decimals) }
    guard let ends = interval.ends else { return "\(number(interval.value)) (no interval)" }
    if interval.hasNoSpread { return "\(number(interval.value)) (no spread)" }
    return "\(number(interval.value)) (\(number(ends.lowerBound)) to \(number(ends.upperBound)))"
  }
}
