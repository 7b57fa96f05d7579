import CLIP
import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import Confounders

private let prompts = Project.file("Prompts")

@Suite struct PromptCheckTests {
  private static let endoscopy =
    (try? String(contentsOf: prompts.appendingPathComponent("endoscopy.json5"), encoding: .utf8)) ?? ""

  /// The faults of a file's text, a line each.
  private func faults(_ text: String) throws -> [String] {
    var found: [String] = []
    try withFile(text) { url in
      do {
        _ = try PromptSet(contentsOf: url)
      } catch let error as PromptError {
        #expect(error.file == url.path && error.description.hasPrefix(url.path + ": "))
        found = error.faults.map(\.description)
      }
    }
    return found
  }

  @Test(arguments: [
    ("modality: \"endoscopy\",", "", ["\"modality\" is missing"]),
    ("modality: \"endoscopy\"", "modality: \"  \"", ["modality: is empty; write something or remove it"]),
    ("modality: \"endoscopy\"", "modality: 3", ["modality: must be a text in quotes; it is a number"]),
    (
      "class: \"{A class}", "klass: \"{A class}",
      [
        "templates: the key \"klass\" is not known; did you mean \"class\"?",
        "templates: \"class\" is missing",
      ]
    ),
    (
      "name: \"artefacts\"", "name: \"Blur\"",
      [
        "groups[0].confounders[1].name: \"Blur\" stands at groups[0].confounders[0].name already; "
          + "each must be there once"
      ]
    ),
    (
      "text: \"mucus\"", "text: \"far  light\"",
      []
    ),
    (
      "text: \"mucus\"", "text: \"a  far view\"",
      [
        "groups[4].confounders[0].text: \"a  far view\" stands at groups[3].confounders[1].text already; "
          + "each must be there once"
      ]
    ),
    (
      "\"tumour\"", "\"polyp\"",
      ["classes[1]: \"polyp\" stands at classes[0] already; each must be there once"]
    ),
    ("\"tumour\"", "\"\"", ["classes[1]: is empty; write something or remove it"]),
    (
      "\"tumour\"", "\"{domain}\"", ["classes[1]: \"{domain}\" has a brace; { and } belong in templates only"]
    ),
    ("{A class} in an", "A lesion in an", ["templates.class: lacks {class} or {a class} or {A class}"]),
    (
      "{A class} in an", "A {classs} in an",
      [
        "templates.class: {classs} is not known; did you mean {class}?",
        "templates.class: lacks {class} or {a class} or {A class}",
      ]
    ),
    (
      "{A class} in an", "{A class} {domain} in an",
      [
        "templates.class: {domain} has no place in this template; it may hold {class}, {a class}, {A class}"
      ]
    ),
    (
      "{A class} in an", "{A class in an",
      [
        "templates.class: \"{A class in an endoscopic image\" has a brace without its partner; "
          + "write placeholders as {class}"
      ]
    ),
    ("image with {domain}", "image with light", ["templates.confounder: lacks {domain}"]),
    ("\"{A class} with {domain}\"", "[\"{A class} with {domain}\", \"{domain} and {a class}\"]", []),
    (
      "\"{A class} with {domain}\"", "[]", ["templates.joint: is empty; give at least one sentence"]
    ),
    (
      "\"{A class} with {domain}\"", "[\"{A class} with {domain}\", \"{A class}\", 3]",
      [
        "templates.joint[1]: lacks {domain}",
        "templates.joint[2]: must be a text in quotes; it is a number",
      ]
    ),
    (
      "\"{A class} with {domain}\"", "[\"{A class} with {domain}\", \"{a class} with  {domain}\"]",
      [
        "templates.joint[1]: \"{a class} with  {domain}\" stands at templates.joint[0] already; "
          + "each must be there once"
      ]
    ),
    (
      "\"{A class} with {domain}\"", "4", ["templates.joint: must be a text in quotes; it is a number"]
    ),
    ("{A class} with {domain}", "{A class}", ["templates.joint: lacks {domain}"]),
    (
      "[\"polyp\", \"tumour\", \"inflammation\", \"nodule\", \"cyst\"]", "[]",
      ["classes: is empty; give at least one lesion class"]
    ),
    (
      "[\"polyp\", \"tumour\", \"inflammation\", \"nodule\", \"cyst\"]", "\"polyp\"",
      ["classes: must be a list between [ and ]; it is a text"]
    ),
    (
      "[\"A normal endoscopic image\", \"An endoscopic image of normal mucosa\"]", "[]",
      ["normal: is empty; give at least one sentence for an image without a lesion"]
    ),
    (
      "name: \"lighting\"", "name: \"distance\"",
      ["groups[3].name: \"distance\" stands at groups[1].name already; each must be there once"]
    ),
    (
      "{ name: \"near\", text: \"a near view\", mechanism: \"near\" }", "\"near\"",
      ["groups[3].confounders[0]: must be an object with name, text; it is a text"]
    ),
    (
      "{ name: \"near\", text: \"a near view\", mechanism: \"near\" }",
      "{ name: \"near\", txt: \"a near view\" }",
      [
        "groups[3].confounders[0]: the key \"txt\" is not known; did you mean \"text\"?",
        "groups[3].confounders[0]: \"text\" is missing",
      ]
    ),
  ])
  func namesTheFaultAndItsPlace(old: String, new: String, wanted: [String]) throws {
    try #require(Self.endoscopy.contains(old))
    #expect(try faults(Self.endoscopy.replacingOccurrences(of: old, with: new)) == wanted)
  }

  @Test func namesAllFaultsOfAFileAtOnce() throws {
    let text = """
      { modality: "", clases: [], normal: ["n", "N"],
        groups: [{ name: "g", confounders: [] }, { name: "h" }, 4],
        templates: { class: "{class}", confounder: "{domein}", joint: "{class}" } }
      """
    #expect(
      try faults(text) == [
        "the key \"clases\" is not known; did you mean \"classes\"?",
        "\"classes\" is missing",
        "modality: is empty; write something or remove it",
        "normal[1]: \"N\" stands at normal[0] already; each must be there once",
        "templates.confounder: {domein} is not known; did you mean {domain}?",
        "templates.confounder: lacks {domain}",
        "templates.joint: lacks {domain}",
        "groups[0].confounders: is empty; give at least one confounder",
        "groups[1]: \"confounders\" is missing",
        "groups[2]: must be an object with name, confounders; it is a number",
      ])
    try withFile(text) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      let lines = error.description.split(separator: "\n")
      #expect(lines.count == 11 && lines[0] == "\(url.path): 10 faults")
    }
  }

  @Test func everyShippedPackIsGoodAndFitsTheWindow() throws {
    let files = try FileManager.default.contentsOfDirectory(at: prompts, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "json5" }
    #expect(
      Set(files.map { $0.deletingPathExtension().lastPathComponent }).isSuperset(of: [
        "endoscopy", "fundus", "dermoscopy", "ultrasound", "xray", "histology",
      ]))
    let bytes = try Tokenizer.bytes()
    for file in files {
      let pack = try PromptSet(contentsOf: file)
      #expect(
        (9...21).contains(pack.confounders.count) && (3...5).contains(pack.groups.count), "\(file.path)")
      let sentences = pack.sentences.map(\.text)
      let (classes, confounders) = (pack.classes.count, pack.confounders.count)
      #expect(sentences.count == classes + pack.normal.count + confounders + classes * confounders)
      #expect(Set(sentences).count == sentences.count)
      for text in sentences {
        #expect(text.first?.isUppercase == true && !text.contains("{") && !text.contains("  "), "\(text)")
        // A vowel after "a", a consonant after "an".
        #expect(text.firstMatch(of: /\\b(?:[Aa] [aeio]|[Aa]n [^aeiou])/) == nil, "\(text)")
      }
      // Spelt byte by byte they are longest.
      #expect(pack.faults(tokenizer: bytes, window: 77).isEmpty, "\(file.path)")
    }
  }

  @Test func theGuidesExampleIsGood() throws {
    let guide = try String(
      contentsOf: Project.file("docs/reference/prompt-files.md"), encoding: .utf8)
    let blocks = guide.components(separatedBy: "```")
    let example = try #require(blocks.first { $0.hasPrefix("\n{") })
    #expect(try faults(example).isEmpty)
    try withFile(example) { url in
      let joint = try PromptSet(contentsOf: url).jointPrompts
      #expect(joint[7] == "An enlarged loop in a capillaroscopic image with a low magnification")
    }
  }

  @Test func sentencesThatTheWindowWouldCutAreNamed() throws {
    let pack = try PromptSet(contentsOf: prompts.appendingPathComponent("endoscopy.json5"))
    // Start, end and 33 letters: spaces are no tokens.
    let faults = pack.faults(tokenizer: try Tokenizer.bytes(), window: 34)
    #expect(faults.map(\.place) == ["templates.class", "templates.confounder", "templates.joint"])
    #expect(faults[0].reason.contains("1 of 5"))
    #expect(faults[0].reason.hasSuffix("has 35: \"An inflammation in an endoscopic image\""))
  }

  @Test(arguments: [
    ("polyp", "a"), ("ulcer", "an"), ("inflammation", "an"), ("uterine fibroid", "a"),
    ("unilocular cyst", "a"),
    ("uninflamed nodule", "an"), ("uveal melanoma", "a"), ("urothelial carcinoma", "a"),
    ("urticarial wheal", "an"),
    ("eosinophil", "an"), ("euploid cell", "a"), ("MRI scan", "an"), ("CT scan", "a"), ("X-ray shadow", "an"),
    ("hour-glass stricture", "an"), ("haemorrhage", "a"), ("Œdema", "an"), ("one-sided goitre", "a"),
    ("", "a"),
  ])
  func articlesFollowTheSound(phrase: String, article: String) {
    #expect(Article.indefinite(phrase) == article, "\(phrase)")
  }

  @Test func templatesMayHoldTheArticleOrNot() throws {
    let text = Self.endoscopy.replacingOccurrences(of: "\"tumour\"", with: "\"ulcer\"")
    for (template, wanted) in [
      ("{A class} with {domain}", "An ulcer with blur"),
      ("a view of {a class} and {domain}", "a view of an ulcer and blur"),
      ("{domain} near the {class}", "blur near the ulcer"),
    ] {
      try withFile(text.replacingOccurrences(of: "{A class} with {domain}", with: template)) { url in
        let joint = try PromptSet(contentsOf: url).jointPrompts
        #expect(joint[12] == wanted)
      }
    }
  }

  @Test func theNearestWordIsNamed() {
    #expect(Spelling.distance("kitten", "sitting") == 3 && Spelling.distance("", "abc") == 3)
    #expect(Spelling.suggestion(for: "TXT", among: ["name", "text"]) == "; did you mean \"text\"?")
    #expect(
      Spelling.suggestion(for: "tmplates", among: ["modality", "templates"])
        == "; did you mean \"templates\"?")
    #expect(Spelling.suggestion(for: "x", among: []).isEmpty)
  }
}
