import Foundation
import Storage

/// The review page as one file, `index.html`: markup, style and scripts.
///
/// It is the same for every review. It reads the files beside it, which
/// `docs/reference/review-format.md` describes, and needs no network.
package enum ReviewPage {
  /// The text of `index.html`.
  package static let html = assembled.html

  /// The Content-Security-Policy that the page states.
  ///
  /// It allows the inlined style and scripts by their SHA-256, scripts and pictures beside the page,
  /// and connections to the server that the page is from.
  package static let policy = assembled.policy

  /// The files that `page.html` names.
  static let parts: [String: [UInt8]] = [
    "announce.js": PackageResources.announce_js, "base.js": PackageResources.base_js,
    "contours.js": PackageResources.contours_js, "data.js": PackageResources.data_js,
    "decisions.js": PackageResources.decisions_js, "dialogs.js": PackageResources.dialogs_js,
    "editor.js": PackageResources.editor_js, "exchange.js": PackageResources.exchange_js,
    "explain.js": PackageResources.explain_js, "keys.js": PackageResources.keys_js,
    "main.js": PackageResources.main_js, "masks.js": PackageResources.masks_js,
    "panel.js": PackageResources.panel_js, "picture.css": PackageResources.picture_css,
    "probability.js": PackageResources.probability_js, "queue-row.js": PackageResources.queue_row_js,
    "queue.js": PackageResources.queue_js, "store.js": PackageResources.store_js,
    "strip.js": PackageResources.strip_js, "style.css": PackageResources.style_css,
    "sync.js": PackageResources.sync_js, "theme.js": PackageResources.theme_js,
    "tools.js": PackageResources.tools_js, "view.js": PackageResources.view_js,
  ]

  /// The lines of `page.html`, each with its line feed.
  static let markup: [String] = text(PackageResources.page_html)
    .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { $0 + "\n" }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The name of the file that a line of `page.html` names; nil for other lines.
  static func named(by line: String) -> String? {
    for (start, end) in [("<link rel=\"stylesheet\" href=\"", "\">\n"), ("<script src=\"", "\"></script>\n")]
    where line.hasPrefix(start) && line.hasSuffix(end) {
      return String(line.dropFirst(start.count).dropLast(end.count))
    }
    return nil
  }

  /// Puts the named files of a kind where the first of them stands, and states the policy.
  private static let assembled: (html: String, policy: String) = {
    var style = "\n"
    var script = "\n\"use strict\";\n"
    for name in markup.compactMap(named(by:)) {
      let part = text(parts[name] ?? [])
      if name.hasSuffix(".css") { style += part } else { script += part }
    }
    func digest(_ text: String) -> String { Data(SHA256.hash(Array(text.utf8))).base64EncodedString() }
    let policy =
      "default-src 'none'; script-src 'self' file: 'sha256-\(digest(script))'; "
      + "style-src 'sha256-\(digest(style))'; img-src 'self' file: data:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'"
    var (html, hasStyle, hasScript) = ("", false, false)
    for line in markup {
      guard let name = named(by: line) else {
        html += line
        if line.hasPrefix("<meta charset") {
          html += "<meta http-equiv=\"Content-Security-Policy\" content=\"\(policy)\">\n"
        }
        continue
      }
      if name.hasSuffix(".css"), !hasStyle {
        html += "<style>\(style)</style>\n"
        hasStyle = true
      } else if name.hasSuffix(".js"), !hasScript {
        html += "<script>\(script)</script>\n"
        hasScript = true
      }
    }
    return (html, policy)
  }()
}
