import Foundation
import Imaging

/// A page without external resources, scripts or network access.
///
/// Styles, drawings and pictures are inside. It is readable on a phone, in print, in light and
/// dark. A page with a status reloads itself.
package struct HTMLPage {
  private let title: String
  private let lead: String
  private let status: String?
  private var body = ""
  /// The headings of the sections, with the link target of each.
  private var contents: [(name: String, heading: String)] = []

  /// Starts a page.
  ///
  /// - Parameters:
  ///   - title: its heading.
  ///   - lead: one or two sentences below it.
  ///   - status: what is still missing on a page that is written again soon, and that reloads itself
  ///     until then; nil for a complete page.
  package init(title: String, lead: String, status: String? = nil) {
    self.title = title
    self.lead = lead
    self.status = status
  }

  /// Escapes the special characters of HTML in a text.
  package static func escaped(_ text: String) -> String {
    // This works on scalars: a quote with a combining mark is another character in Swift, but a
    // quote in HTML.
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;".unicodeScalars
      case "<": result += "&lt;".unicodeScalars
      case ">": result += "&gt;".unicodeScalars
      case "\"": result += "&quot;".unicodeScalars
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Adds a heading, which the contents list, and text below it.
  package mutating func section(_ heading: String, _ text: String = "") {
    let name = "section-\(contents.count + 1)"
    contents.append((name, heading))
    body += "<h2 id=\"\(name)\">\(Self.escaped(heading))</h2>\n"
    if !text.isEmpty { paragraph(text) }
  }

  /// Adds a heading within a section.
  package mutating func subsection(_ heading: String, _ text: String = "") {
    body += "<h3>\(Self.escaped(heading))</h3>\n"
    if !text.isEmpty { paragraph(text) }
  }

  /// Adds a paragraph of plain text.
  package mutating func paragraph(_ text: String) { body += "<p>\(Self.escaped(text))</p>\n" }

  /// Adds a list of plain texts.
  package mutating func list(_ items: [String]) {
    guard !items.isEmpty else { return }
    body += "<ul>" + items.map { "<li>\(Self.escaped($0))</li>" }.joined(separator: "\n") + "</ul>\n"
  }

  /// Adds names with a text each; a narrow page has the text below the name.
  package mutating func facts(_ facts: [(name: String, text: String)]) {
    guard !facts.isEmpty else { return }
    let entries = facts.map { "<dt>\(Self.escaped($0.name))</dt><dd>\(Self.escaped($0.text))</dd>" }
    body += "<dl class=\"facts\">\(entries.joined(separator: "\n"))</dl>\n"
  }

  /// Adds lines for a terminal.
  package mutating func code(_ lines: [String]) {
    body += "<pre tabindex=\"0\"><code>\(Self.escaped(lines.joined(separator: "\n")))</code></pre>\n"
  }

  /// Adds parts that are collapsed until the reader opens them; in print they are open.
  ///
  /// - Parameters:
  ///   - summary: the text of the collapsed part.
  ///   - parts: adds the parts.
  package mutating func details(_ summary: String, _ parts: (inout HTMLPage) throws -> Void) rethrows {
    body += "<details><summary>\(Self.escaped(summary))</summary>\n"
    try parts(&self)
    body += "</details>\n"
  }

  /// Adds a table.
  ///
  /// The first column is left-aligned, the others are right-aligned. `emphasised` rows are bold. A
  /// table that is wider than the page scrolls within its own box.
  package mutating func table(_ headings: [String], _ rows: [[String]], emphasised: Set<Int> = []) {
    func cells(_ row: [String], _ tag: String) -> String {
      row.map { "<\(tag)>\(Self.escaped($0))</\(tag)>" }.joined()
    }
    let lines = rows.enumerated().map { index, row in
      "<tr\(emphasised.contains(index) ? " class=\"total\"" : "")>\(cells(row, "td"))</tr>"
    }
    body +=
      "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>\(cells(headings, "th"))</tr></thead>\n<tbody>"
    body += lines.joined(separator: "\n") + "</tbody></table></div>\n"
  }

  /// Adds an SVG drawing.
  package mutating func drawing(_ svg: String, caption: String) { drawings([(svg, caption)]) }

  /// Adds SVG drawings, side by side if the page is wide enough.
  ///
  /// - Parameters:
  ///   - drawings: each with its caption.
  ///   - beside: adds content beside the last drawing, such as a table.
  package mutating func drawings(
    _ drawings: [(svg: String, caption: String)], beside: ((inout HTMLPage) -> Void)? = nil
  ) {
    body += "<div class=\"drawings\">"
    for drawing in drawings {
      let caption =
        drawing.caption.isEmpty ? "" : "<figcaption>\(Self.escaped(drawing.caption))</figcaption>"
      body += "<figure>\(drawing.svg)\(caption)</figure>\n"
    }
    if let beside {
      body += "<div class=\"beside\">"
      beside(&self)
      body += "</div>"
    }
    body += "</div>\n"
  }

  /// Adds pictures in a row, each with a label; `text` is above them.
  ///
  /// - Throws: `ImagingError.notEncoded`.
  package mutating func gallery(_ text: String, _ pictures: [(label: String, image: Image)]) throws {
    gallery(
      text,
      pictures: try pictures.map { label, image in
        (label, try image.jpegData(quality: 88), image.width, image.height)
      })
  }

  /// Adds a row of pictures that are already JPEG files, each with a label and its size.
  ///
  /// `text` is above them.
  mutating func gallery(
    _ text: String, pictures: [(label: String, jpeg: Data, width: Int, height: Int)]
  ) {
    let figures = pictures.map { picture in
      let label = Self.escaped(picture.label)
      return "<figure><img alt=\"\(Self.escaped(text)): \(label)\" loading=\"lazy\" decoding=\"async\" "
        + "width=\"\(picture.width)\" height=\"\(picture.height)\" "
        + "src=\"data:image/jpeg;base64,\(picture.jpeg.base64EncodedString())\">"
        + "<figcaption>\(label)</figcaption></figure>"
    }
    body +=
      "<p class=\"over\">\(Self.escaped(text))</p><div class=\"gallery\">\(figures.joined(separator: "\n"))</div>\n"
  }

  /// Adds a legend of colours.
  mutating func key(_ entries: [(colour: Overlay.Colour, text: String)]) {
    let items = entries.map { colour, text in
      "<li><span style=\"background: rgb(\(colour.red) \(colour.green) \(colour.blue))\"></span>"
        + "\(Self.escaped(text))</li>"
    }
    body += "<ul class=\"key\">\(items.joined())</ul>\n"
  }

  /// The whole page as text.
  package var text: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">\(reload)
    <title>\(Self.escaped(title))</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(Self.escaped(title))</h1>
    <p class="lead">\(Self.escaped(lead))</p>\(notice)
    \(navigation)\(body)
    </main>
    </body>
    </html>

    """
  }

  /// Lets the browser read the page again after some seconds, as long as it has a status.
  private var reload: String { status == nil ? "" : "\n<meta http-equiv=\"refresh\" content=\"5\">" }

  private var notice: String {
    status.map { "\n<p class=\"status\" role=\"status\">\(Self.escaped($0))</p>" } ?? ""
  }

  /// The list of sections; none for a page of one or two.
  private var navigation: String {
    guard contents.count > 2 else { return "" }
    let items = contents.map { "<li><a href=\"#\($0.name)\">\(Self.escaped($0.heading))</a></li>" }
    return "<nav class=\"contents\" aria-label=\"Contents\"><ul>\(items.joined())</ul></nav>\n"
  }
}
