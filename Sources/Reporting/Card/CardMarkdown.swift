import Foundation
import Statistics
import Storage
import Studies

/// A model card as Markdown, `card.md`, with the metadata of Hugging Face's hub at its head.
package struct CardMarkdown {
  /// The text of the file.
  package let text: String

  /// Writes a card.
  ///
  /// - Parameter card: the card.
  package init(_ card: ModelCard) {
    let document = CardDocument(card)
    var parts = [CardMetadata(card).text, "# \(Self.escaped(document.title))", Self.escaped(document.lead)]
    for section in document.sections {
      parts.append("## \(Self.escaped(section.heading))")
      parts += section.blocks.flatMap(Self.parts)
    }
    text = parts.joined(separator: "\n\n") + "\n"
  }

  private static func parts(_ block: CardDocument.Block) -> [String] {
    switch block {
    case .paragraph(let text): return [escaped(text)]
    case .list(let items):
      return items.isEmpty ? [] : [items.map { "- \(escaped($0))" }.joined(separator: "\n")]
    case .facts(let facts):
      guard !facts.isEmpty else { return [] }
      return [facts.map { "- **\(escaped($0.name))**: \(escaped($0.text))" }.joined(separator: "\n")]
    case .table(let headings, let rows, let emphasised): return [table(headings, rows, emphasised)]
    case .code(let lines): return [code(lines)]
    case .intervals: return []
    case .details(let summary, let blocks):
      return ["### \(escaped(summary.prefix(1).uppercased() + summary.dropFirst()))"] + blocks.flatMap(parts)
    }
  }

  private static func table(_ headings: [String], _ rows: [[String]], _ emphasised: Set<Int>) -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    let rule = headings.indices.map { $0 == 0 ? ":--" : "--:" }
    let body = rows.enumerated().map { index, row in
      line(
        row.map { cell in emphasised.contains(index) && !cell.isEmpty ? "**\(escaped(cell))**" : escaped(cell)
        })
    }
    return ([line(headings.map(escaped)), line(rule)] + body).joined(separator: "\n")
  }

  /// Returns a fenced block; its fence is longer than any row of backticks in it.
  private static func code(_ lines: [String]) -> String {
    let text = lines.map { NativePath.shown($0) }.joined(separator: "\n")
    var (longest, run) = (0, 0)
    for character in text {
      run = character == "`" ? run + 1 : 0
      longest = max(longest, run)
    }
    let fence = String(repeating: "`", count: max(3, longest + 1))
    return "\(fence)\n\(text)\n\(fence)"
  }

  /// Escapes what Markdown, or HTML inside of it, would read as a mark; a line break is shown as `\n`.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in NativePath.shown(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;".unicodeScalars
      case "<": result += "&lt;".unicodeScalars
      case ">": result += "&gt;".unicodeScalars
      case "\\", "`", "*", "_", "[", "]", "|", "~", "#", "$":
        result.append("\\")
        result.append(scalar)
      // Other separators of lines end a row of a table in some readers.
      case "\u{2028}", "\u{2029}": result.append(" ")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
