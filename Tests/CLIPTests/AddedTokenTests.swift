import Foundation
import Storage
import Testing
import TestSupport

@testable import CLIP

/// Added tokens against transformers' `CLIPTokenizer`, and tokenizer settings that are refused.
@Suite struct AddedTokenTests {
  private struct Case: Decodable {
    let files: [String: JSONValue]
    let texts: [String]
    let ids: [[Int]]
  }

  /// Writes the small vocabulary and further files.
  private func write(_ files: [String: JSONValue], to folder: URL) throws {
    let vocabulary = try Data(contentsOf: fixture("tokenizer/vocab.json"))
    let merges = try Data(contentsOf: fixture("tokenizer/merges.txt"))
    var files = files
    if var whole = files["tokenizer.json"]?.members {
      let lines = String(decoding: merges, as: UTF8.self).split(separator: "\n").dropFirst()
      let model: [String: JSONValue] = [
        "type": "BPE", "vocab": try JSONValue(json5: vocabulary), "end_of_word_suffix": "</w>",
        "merges": .array(lines.map { .string(String($0)) }),
      ]
      whole["model"] = .object(model.merging(whole["model"]?.members ?? [:]) { $1 })
      files["tokenizer.json"] = .object(whole)
    } else {
      try vocabulary.write(to: folder.appendingPathComponent("vocab.json"))
      try merges.write(to: folder.appendingPathComponent("merges.txt"))
    }
    for (name, content) in files {
      try JSONEncoder().encode(content).write(to: folder.appendingPathComponent(name))
    }
  }

  @Test func givesTheReferencesTokens() throws {
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: fixture("added-tokens.json")))
    #expect(cases.count == 11)
    for item in cases {
      try withTemporaryFolder { folder in
        try write(item.files, to: folder)
        let tokenizer = try Tokenizer(folder: folder)
        for (text, ids) in zip(item.texts, item.ids) {
          #expect(tokenizer.encode(text) == ids, "\(text.debugDescription) with \(item.files)")
        }
      }
    }
  }

  @Test func theWholeFileComesBeforeTheVocabulary() throws {
    try withTemporaryFolder { folder in
      let token: JSONValue = .object(["content": "<lesion>", "id": 2014])
      try write(["tokenizer.json": .object(["added_tokens": .array([token])])], to: folder)
      for name in ["vocab.json", "merges.txt"] {
        try FileManager.default.copyItem(
          at: fixture("tokenizer/\(name)"), to: folder.appendingPathComponent(name))
      }
      #expect(try Tokenizer(folder: folder).encode("<lesion>")[1] == 2014)
      // OpenCLIP's tokenizer knows neither file.
      #expect(try Tokenizer(folder: folder, cleaning: .openCLIP).encode("<lesion>").count > 3)
    }
  }

  @Test func refusesWhatItDoesNotFollow() throws {
    let cases: [(file: String, content: JSONValue, part: String)] = [
      ("tokenizer_config.json", .object(["foo": 1]), "foo (1) is not a known setting"),
      ("tokenizer_config.json", .object(["padding_side": "left"]), "padding_side is \"left\""),
      ("tokenizer_config.json", .object(["do_lower_case": false]), "do_lower_case is false"),
      (
        "tokenizer_config.json", .object(["bos_token": "<s>"]),
        "bos_token is \"<s>\"; supported: \"<|startoftext|>\""
      ),
      ("tokenizer_config.json", .object(["tokenizer_class": "BertTokenizer"]), "tokenizer_class"),
      ("tokenizer_config.json", .object(["text_cleaning": "none"]), "text_cleaning is \"none\""),
      ("tokenizer_config.json", .object(["pad_token": 3]), "pad_token is 3"),
      (
        "tokenizer_config.json", .object(["pad_token": .object(["content": "!", "new": true])]),
        "pad_token.new (true)"
      ),
      ("special_tokens_map.json", .object(["foo": "x"]), "foo (\"x\")"),
      ("added_tokens.json", .object(["<lesion>": 3000]), "its id must be 2014"),
      ("added_tokens.json", .object(["<lesion>": "x"]), "<lesion> is \"x\""),
      (
        "tokenizer.json", .object(["truncation": .object(["direction": "Left"])]),
        "truncation.direction is \"Left\""
      ),
      ("tokenizer.json", .object(["model": .object(["type": "Unigram"])]), "model.type is \"Unigram\""),
      ("tokenizer.json", .object(["model": .object(["new": 1])]), "model.new (1)"),
      ("tokenizer.json", .object(["new": 1]), "new (1)"),
      ("tokenizer.json", .object(["added_tokens": .array([.object(["content": "x"])])]), "added_tokens[0]"),
      (
        "tokenizer_config.json", .object(["added_tokens_decoder": .object(["x": "y"])]),
        "added_tokens_decoder.x"
      ),
    ]
    for item in cases {
      try withTemporaryFolder { folder in
        try write([item.file: item.content], to: folder)
        let text = message { _ = try Tokenizer(folder: folder) }
        #expect(
          text.contains(folder.appendingPathComponent(item.file).path) && text.contains(item.part), "\(text)")
      }
    }
  }

  @Test func nestedReferencesTakeLinearTime() throws {
    let tokenizer = try Tokenizer(folder: fixture("tokenizer"), cleaning: .openCLIP)
    let start = ContinuousClock.now
    for part in ["amp;", "#38;", "#x26;"] {
      #expect(tokenizer.encode("&" + String(repeating: part, count: 20_000)) == tokenizer.encode("&"))
    }
    #expect(tokenizer.encode(String(repeating: "&semi", count: 20_000) + ";") == tokenizer.encode(";"))
    #expect(
      tokenizer.encode(String(repeating: "&#xFE", count: 20_000) + String(repeating: "FF;", count: 20_000))
        .count == 2)
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  /// Texts and what ftfy and Python's html module make of them.
  @Test func resolvesReferencesInTheirContexts() throws {
    let cleaning = TextCleaning.openCLIP
    for (text, plain) in [
      ("&amp;amp;lt;b", "<b"), ("&am&#112;;x", "&x"), ("&&#97;mp;", "&"), ("＆ａｍｐ；lt；", "<"),
      ("&lt&semi;", "<"),
      ("&#59;", ";"), ("&lt &amp;lt;", "< <"), ("<&amp;amp;amp;amp;", "<&amp;amp;"), ("&EACUTE;", "é"),
      ("\u{1B}[3;mx", "x"), ("\u{1B}[&#51;mx", "x"), ("\u{1B}[&amp;#51;mx", "[3mx"),
      ("\u{1B}[\u{37E}semi", "[;semi"),
    ] { #expect(cleaning(text) == plain, "\(text.debugDescription)") }
  }
}
