import Foundation
import Imaging

/// A page that needs nothing beside itself: styles, drawings and pictures are inside; no script, no network.
///
/// Readable on a phone, in print, in light and dark.
public struct HTMLPage {
  private let title: String
  private let lead: String
  private var body = ""

  /// Starts a page.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: one or two sentences below it.
  public init(title: String, lead: String) {
    self.title = title
    self.lead = lead
  }

  /// Text with the characters that HTML reads as its own made harmless.
  public static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }

  /// A heading, with text below it.
  public mutating func section(_ heading: String, _ text: String = "") {
    body += "<h2>\(Self.escaped(heading))</h2>\n"
    if !text.isEmpty { paragraph(text) }
  }

  /// A paragraph of plain text.
  public mutating func paragraph(_ text: String) { body += "<p>\(Self.escaped(text))</p>\n" }

  /// A table, the first column left, the others right; `emphasised` rows are bold.
  public mutating func table(_ headings: [String], _ rows: [[String]], emphasised: Set<Int> = []) {
    func cells(_ row: [String], _ tag: String) -> String {
      row.map { "<\(tag)>\(Self.escaped($0))</\(tag)>" }.joined()
    }
    let lines = rows.enumerated().map { index, row in
      "<tr\(emphasised.contains(index) ? " class=\"total\"" : "")>\(cells(row, "td"))</tr>"
    }
    body += "<div class=\"wide\"><table><thead><tr>\(cells(headings, "th"))</tr></thead>\n<tbody>"
    body += lines.joined(separator: "\n") + "</tbody></table></div>\n"
  }

  /// A drawing in SVG.
  public mutating func drawing(_ svg: String, caption: String) {
    body += "<figure>\(svg)<figcaption>\(Self.escaped(caption))</figcaption></figure>\n"
  }

  /// Pictures in a row, each with a label; `text` stands above them.
  ///
  /// - Throws: `ImagingError.notEncoded`.
  public mutating func gallery(_ text: String, _ pictures: [(label: String, image: Image)]) throws {
    let figures = try pictures.map { label, image in
      let data = try image.jpegData(quality: 88).base64EncodedString()
      return "<figure><img alt=\"\(Self.escaped(label))\" src=\"data:image/jpeg;base64,\(data)\">"
        + "<figcaption>\(Self.escaped(label))</figcaption></figure>"
    }
    body += "<p class=\"over\">\(Self.escaped(text))</p><div class=\"gallery\">\(figures.joined())</div>\n"
  }

  /// The whole page.
  public var text: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(Self.escaped(title))</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(Self.escaped(title))</h1>
    <p class="lead">\(Self.escaped(lead))</p>
    \(body)
    </main>
    </body>
    </html>

    """
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #1d2530; --faint: #5c6876; --line: #d5dbe2; --paper: #ffffff;
      --first: #6a7b90; --second: #c2410c; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e6eaf0; --faint: #9aa7b6; --line: #39424e; --paper: #14181d; --first: #94a6bd;
        --second: #fb923c; } }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
    main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
    h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--line); }
    .lead { color: var(--faint); font-size: 1.05rem; max-width: 46rem; }
    p { max-width: 46rem; }
    .wide { overflow-x: auto; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
    th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    th { color: var(--faint); font-weight: 600; font-size: .85rem; }
    tr.total td { font-weight: 700; }
    figure { margin: .8rem 0; overflow-x: auto; }
    figcaption { color: var(--faint); font-size: .85rem; }
    svg { max-width: 100%; min-width: 34rem; height: auto; display: block; }
    svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
    svg .faint { fill: var(--faint); }
    svg .axis { stroke: var(--line); }
    svg .zero { stroke: var(--faint); stroke-dasharray: 4 3; }
    svg .series0 { stroke: var(--first); fill: var(--first); }
    svg .series1 { stroke: var(--second); fill: var(--second); }
    .over { margin: 1.2rem 0 .2rem; font-weight: 600; }
    .gallery { display: flex; flex-wrap: wrap; gap: .6rem; }
    .gallery figure { margin: 0; width: 11rem; max-width: 45%; }
    .gallery img { width: 100%; display: block; border-radius: 4px; }
    @media print { main { max-width: none; } svg { min-width: 0; } h2, figure, table { break-inside: avoid; } }
    """
}
