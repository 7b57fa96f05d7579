import Foundation
import Storage
import Studies
import TestSupport
import Testing
import Training

@testable import Reporting

/// Model cards of runs that were written by hand.
@Suite("Model cards")
struct ModelCardTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("card") }

  private let software = [
    ModelCard.Licence(name: "mcdrl", licence: "Apache-2.0"),
    ModelCard.Licence(name: "libtorch", licence: "BSD-3-Clause"),
  ]

  private func card(title: String? = nil, contact: String? = nil) throws -> ModelCard {
    try ModelCard(of: Run.open(at: folder.url), title: title, contact: contact, software: software)
  }

  /// `MCDRL_RECORD=1 swift test --filter ModelCardTests` writes the stored card again.
  @Test("The card of a run is as it is stored, up to its settings")
  func golden() throws {
    try CardExample.write(to: folder.url)
    let card = try card()
    let hash = try #require(card.model.weights?.hash)
    let text = CardMarkdown(card).text.replacingOccurrences(of: hash, with: "HASH")
    let end = try #require(text.range(of: "\n## Settings\n")?.lowerBound)
    let file = Project.file("Tests/ReportingTests/Fixtures/card.md")
    if ProcessInfo.processInfo.environment["MCDRL_RECORD"] != nil {
      try Data(text[..<end].utf8).write(to: file)
    }
    let stored = try String(contentsOf: file, encoding: .utf8)
    let lines = (text[..<end].components(separatedBy: "\n"), stored.components(separatedBy: "\n"))
    for (number, (new, old)) in zip(lines.0, lines.1).enumerated() {
      #expect(new == old, "line \(number + 1)")
    }
    #expect(lines.0.count == lines.1.count)
    let settings = text[end...]
    #expect(settings.contains("| imageSize | 64 |") && settings.contains("| clip | north |"))
    // No place on a machine.
    #expect(!text.contains("nowhere") && !text.contains(folder.url.path))
  }

  @Test("The same run gives the same bytes, and the page has what the Markdown has")
  func same() throws {
    try CardExample.write(to: folder.url)
    let (first, second) = (try card(), try card())
    #expect(first == second)
    #expect(CardMarkdown(first).text == CardMarkdown(second).text)
    let page = HTMLPage.card(first).text
    #expect(page == HTMLPage.card(second).text)
    let headings = page.matches(of: /<h2 id=".*?">(.*?)<\/h2>/).map { String($0.1) }
    #expect(
      headings == [
        "Before you use it", "What to expect at a new hospital", "The model", "Uses", "Training data",
        "Training", "Scores", "Limits", "Licences", "How to use and to reproduce it", "Settings",
      ])
    for warning in first.warnings { #expect(page.contains(HTMLPage.escaped(warning))) }
    #expect(page.contains("<dt>licence of east</dt><dd>CC BY 4.0</dd>"))
    #expect(page.contains("<dt>licence of west</dt><dd>not stated</dd>"))
    #expect(page.contains("<td>0.500 (no spread)</td>") && page.contains("<td>1.000 (no interval)</td>"))
    #expect(!page.contains("http") && !page.contains("<script") && !page.contains("<img"))
  }

  @Test("Title and contact stand where they were given")
  func words() throws {
    try CardExample.write(to: folder.url)
    let text = CardMarkdown(try card(title: "Polyps, first model", contact: "ward@hospital.example")).text
    #expect(text.contains("\n# Polyps, first model\n"))
    #expect(text.contains("- **contact**: ward@hospital.example\n"))
    #expect(text.contains("- name: \"Polyps, first model\"\n"))
  }

  @Test("What a run does not hold is said to be absent")
  func absent() throws {
    try CardExample.writeSettings(to: folder.url) { $0.holdOut = nil }
    let card = try card()
    #expect(card.evaluations.isEmpty && card.validation == nil && card.model.weights == nil)
    #expect(card.sites.map(\.images) == [nil, nil] && card.heldOut == nil)
    let all = card.warnings.joined(separator: "\n")
    for part in [
      "holds no weights", "0 of 3 epochs", "No site was held out", "An earlier version trained the run",
    ] {
      #expect(all.contains(part), "\(part): \(all)")
    }
    let text = CardMarkdown(card).text
    for part in [
      "That is unknown: the run has no score of a site that it never saw.",
      "The run was not evaluated at any site.", "- **weights**: not stored by the run",
      "- **held out**: no site: the model was trained on all of them",
      "- **search for the same patient or image at two sites**: not searched, because no site was held out",
      "- **weights that the training began with**: not stated", "- **chosen**: none yet",
      "mcdrl train --data DATA --clip CLIP --config settings.json5",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    #expect(!text.contains("model-index"))
    #expect(HTMLPage.card(card).text.contains("was not evaluated at any site"))
  }

  @Test("A held-out site without scores, leakage that was allowed and few patients are warned of")
  func warnings() throws {
    try CardExample.write(to: folder.url) { $0.inference.flips = true }
    try FileManager.default.removeItem(at: folder.file("evaluation-north.json"))
    try CardExample.writeEvaluation(of: "far", in: folder.url, hits: [1, 3])
    var provenance = CardExample.provenance
    provenance.leakage = "3 pairs found and allowed"
    try RunFolder(folder.url).write(provenance, to: folder.file("provenance.json"))
    let all = try card().warnings.joined(separator: "\n")
    for part in [
      "The scores at far are over few cases: 2 independent patients", "3 pairs found and allowed",
      "The scores at far were computed with other settings of inference",
    ] {
      #expect(all.contains(part), "\(part): \(all)")
    }
    try FileManager.default.removeItem(at: folder.file("evaluation-far.json"))
    #expect(try card().warnings.contains { $0.hasPrefix("The model was not scored at north") })
  }

  private func text(_ text: String, _ file: String) throws {
    try Data(text.utf8).write(to: folder.file(file))
  }

  /// Writes a calibration; of the run's own weights without another model.
  private func calibrate(model: String? = nil) throws {
    let document = try CardCalibration.document(model: model ?? RunFolder(folder.url).modelHash())
    try RunFolder(folder.url).write(document, to: folder.file("calibration.json"))
  }

  @Test("A calibration and what it expected have a section of their own")
  func certainty() throws {
    try CardExample.write(to: folder.url)
    try calibrate()
    let file = folder.file("evaluation-north.json")
    var evaluation = try JSONValue(json5File: file).members ?? [:]
    evaluation["certainty"] = .object([
      "expected": .object(["dice": .number(0.55)]), "error": .number(-0.05), "unfamiliar": 3,
    ])
    try RunFolder(folder.url).write(JSONValue.object(evaluation), to: file)
    let card = try card()
    let markdown = CardMarkdown(card).text
    for part in [
      "\n## How sure it is\n", "| east | 2 | 0.050 | 0.010 |", "shift, with an error of 0.040",
      "AUROC 0.970 against junk", "- Few images.", "| north | 0.550 | −0.050 | 3 of 7 | – |",
    ] {
      #expect(markdown.contains(part), "\(part)")
    }
    #expect(!card.limits.contains { $0.contains("not calibrated") })
    try calibrate(model: "other")
    #expect(message { _ = try self.card() }.contains("calibration.json: was made for other weights"))
    try text("{\"sites\": 3}", "calibration.json")
    #expect(message { _ = try self.card() }.contains("calibration.json: cannot be read"))
  }

  @Test("A run of several runs, one that continues another, and one that stopped early say so")
  func origins() throws {
    try CardExample.write(to: folder.url)
    try text(
      """
      {"average": "outputs", "members": [{"folder": "1", "run": "runs/a"}, {"folder": "2", "run": "runs/b"}]}
      """, "ensemble.json")
    try FileManager.default.removeItem(at: folder.file("model.safetensors"))
    try FileManager.default.removeItem(at: folder.file("metrics.jsonl"))
    let joined = try card()
    #expect(joined.warnings.contains { $0.hasPrefix("The model is the mean of the outputs of 2 runs.") })
    #expect(!joined.warnings.contains { $0.contains("not finished") || $0.contains("no weights") })
    #expect(CardMarkdown(joined).text.contains("- **mean of the outputs of**: runs/a, runs/b\n"))

    try FileManager.default.removeItem(at: folder.file("ensemble.json"))
    try CardExample.write(to: folder.url) { $0.epochs = 9 }
    let lines = try String(contentsOf: folder.file("metrics.jsonl"), encoding: .utf8)
    #expect(try card().warnings.contains("The training is not finished: 3 of 9 epochs."))
    try text(
      lines.replacingOccurrences(of: "\"epoch\": 3,", with: "\"epoch\": 3, \"stopped\": true,"),
      "metrics.jsonl")
    let print = try String(contentsOf: folder.file("fingerprint.json"), encoding: .utf8)
    let ancestor = "{\"run\": \"/x/a\", \"weights\": \"0\", \"images\": {}}"
    try text(
      print.replacingOccurrences(of: "{\"data\"", with: "{\"ancestors\": [\(ancestor)], \"data\""),
      "fingerprint.json")
    let last = try card()
    #expect(!last.warnings.contains { $0.contains("not finished") })
    let markdown = CardMarkdown(last).text
    #expect(markdown.contains("- **epochs**: 3 of 9 epochs, stopped because the score did not rise\n"))
    #expect(markdown.contains("- **began with**: the weights of 1 run in turn; the first began with north\n"))
  }

  @Test("Names with marks of Markdown, HTML and YAML stay text")
  func hostile() throws {
    let name = "a|b <script>alert(1)</script> & \"q\" 'r' `c` *d* _e_ [f](g)\n# h\u{2028}$i$"
    try CardExample.write(to: folder.url) { $0.sources = [name, "west"] }
    let origin = DataOriginText(name: name)
    try RunFolder(folder.url).write(origin.provenance, to: folder.file("provenance.json"))
    try CardExample.writeEvaluation(of: name, in: folder.url, hits: [1, 3], stem: "hostile")
    let card = try card(title: name, contact: name)
    let page = HTMLPage.card(card).text
    #expect(!page.contains("<script") && page.contains("&lt;script&gt;"))
    let text = CardMarkdown(card).text
    #expect(!text.contains("<script") && !text.contains("\n# h"))
    let lines = text.components(separatedBy: "\n")
    #expect(lines.first == "---" && lines.filter { $0 == "---" }.count == 2)
    // A row of a table has as many cells as its headings.
    var columns: Int?
    for line in lines {
      let cells = line.hasPrefix("|") ? line.replacing(/\\./, with: "").filter { $0 == "|" }.count : nil
      if let cells, let columns { #expect(cells == columns, "\(line)") }
      columns = cells
    }
    let title = try #require(lines.first { $0.hasPrefix("- name: ") })
    #expect(title.hasSuffix("[f](g)\\u000A# h\\u2028$i$\"") && title.contains("\\\"q\\\""), "\(title)")
  }

  /// A provenance whose every text is one name.
  private struct DataOriginText {
    let provenance: Provenance

    init(name: String) {
      provenance = Provenance(
        sites: [Provenance.Site(name: name, images: .max, groups: 1, statesGroups: true, masks: name)]
          + CardExample.provenance.sites, leakage: name,
        weights: WeightsOrigin(
          name: name, licences: [WeightsOrigin.Statement(part: name, file: name, licence: name)]))
    }
  }

  /// A table with a Dice beyond 1.
  private static let beyond =
    "group,class,dice,iou,hd95,reference_share,reference_empty\r\na,b,7,0,,0,false\r\n"

  @Test(
    "A damaged file is an error that names it",
    arguments: [
      ("evaluation-north.json", "{\"site\": \"north\"}", "evaluate again"),
      ("evaluation-north.json", "[[[", "evaluate again"),
      ("evaluation-north.csv", "group,class\r\na,b\r\n", "lacks the column dice"),
      ("evaluation-north.csv", "group,class\r\na\r\n", "row 2 has 1 field in place of 2"),
      ("evaluation-north.csv", "", "lacks the names of the columns"),
      ("evaluation-north.csv", Self.beyond, "an overlap of 7.0, which is not from 0 to 1"),
      ("provenance.json", "{}", "\"sites\" is missing"), ("validation.json", "{}", "cannot be read"),
      ("fingerprint.json", "{}", "cannot be read"), ("clip.json", "{}", "cannot be read"),
      ("metrics.jsonl", "{}\n", "line 1"), ("model.safetensors", "x", "too few"),
    ])
  func damaged(file: String, content: String, words: String) throws {
    try CardExample.write(to: folder.url)
    try Data(content.utf8).write(to: folder.file(file))
    let message = message { _ = try card() }
    #expect(message.contains(folder.file(file).lastPathComponent) && message.contains(words), "\(message)")
    #expect(message.contains(folder.url.lastPathComponent), "\(message)")
  }

  @Test("A table of other images than those of the evaluation is refused")
  func otherTable() throws {
    try CardExample.write(to: folder.url)
    let file = folder.file("evaluation-north.csv")
    try CardExample.writeEvaluation(of: "other", in: folder.url, hits: Array(repeating: 3, count: 7))
    try Data(contentsOf: folder.file("evaluation-other.csv")).write(to: file)
    #expect(message { _ = try card() }.contains("evaluation-north.csv: is of other images"))
  }

  @Test(
    "A word is quoted for a shell unless it is plain",
    arguments: [
      ("c3", "c3"), ("a b", "'a b'"), ("", "''"), ("it's", "'it'\\''s'"), ("$(x)", "'$(x)'"), ("é", "'é'"),
    ])
  func shell(word: String, quoted: String) { #expect(ShellWord.quoted(word) == quoted) }

  @Test(
    "Markdown shows marks as they are",
    arguments: [
      ("a_b*c", "a\\_b\\*c"), ("<b>&", "&lt;b&gt;&amp;"), ("a|b\nc", "a\\|b\\\\nc"), ("`x`", "\\`x\\`"),
    ])
  func markdown(text: String, escaped: String) { #expect(CardMarkdown.escaped(text) == escaped) }
}
