import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import CLIP

/// The sentences and the tokens of `Fixtures/make_subwords.py`.
private struct Expected: Decodable {
  struct Model: Decodable {
    /// FNV-1a over the ids of all sentences.
    let hash: String
    /// The ids of the first sentences, and of the odd texts.
    let first: [[Int]]
    let odd: [[Int]]
    /// The ids of the first sentence with padding.
    let padded: [Int]
  }

  let phrases: [String: [String]]
  let odd: [String]
  let sentences: [String]
  let models: [String: Model]

  static func read() throws -> Expected {
    try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: fixture("subwords/expected.json")))
  }

  /// Makes the sentences by the rule of the script.
  func made() throws -> [String] {
    var state: UInt64 = 20
    func draw(_ texts: [String]?) throws -> String {
      let texts = try #require(texts)
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return texts[Int(state >> 33) % texts.count]
    }
    return try (0..<2000).map { _ in
      var rest = Array(try draw(phrases["templates"]).unicodeScalars)[...]
      var text = String.UnicodeScalarView()
      while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
        text.append(contentsOf: rest[..<open])
        let slot = String(String.UnicodeScalarView(rest[(open + 1)..<close]))
        text.append(contentsOf: try draw(phrases[slot]).unicodeScalars)
        rest = rest[(close + 1)...]
      }
      text.append(contentsOf: rest)
      return String(text)
    }
  }
}

/// The tokenizers of SigLIP and SigLIP 2 against transformers, sentencepiece and tokenizers.
@Suite struct SubwordTests {
  private static let names = ["canonical", "fallback", "document", "gemma"]

  private func hash(_ rows: [[Int]]) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for row in rows {
      for number in row + [0xFFFF_FFFF] {
        for shift in [0, 8, 16, 24] {
          value = (value ^ UInt64(number >> shift & 255)) &* 0x100_0000_01B3
        }
      }
    }
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  @Test func sentencesAreThoseOfTheScript() throws {
    let expected = try Expected.read()
    let made = try expected.made()
    #expect(made.count == 2000)
    // Equal texts may have other characters in Swift, so the characters are compared.
    for (text, wanted) in zip(made, expected.sentences) {
      #expect(Array(text.unicodeScalars) == Array(wanted.unicodeScalars))
    }
  }

  @Test(arguments: names) func givesTheReferencesTokens(_ name: String) throws {
    let expected = try Expected.read()
    let model = try #require(expected.models[name])
    let tokenizer = try Tokenizer(folder: fixture("subwords/\(name)"))
    let made = try expected.made()
    let rows = made.map { tokenizer.encode($0, window: 64) }
    for (index, wanted) in model.first.enumerated() {
      #expect(rows[index] == wanted, "\(made[index].debugDescription)")
    }
    for (text, wanted) in zip(expected.odd, model.odd) {
      #expect(tokenizer.encode(text, window: 64) == wanted, "\(text.debugDescription)")
    }
    #expect(hash(rows) == model.hash)
    #expect(try tokenizer([made[0]], window: 64).array() == model.padded)
    #expect(tokenizer.startCount == 0 && tokenizer.longest >= 64)
  }

  /// A copy of a fixture folder that a test may change.
  private func withCopy(of name: String, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent(name)
      try FileManager.default.copyItem(at: fixture("subwords/\(name)"), to: copy)
      try body(copy)
    }
  }

  @Test(arguments: names) func comesBackFromAFolderThatWasWritten(_ name: String) throws {
    let tokenizer = try Tokenizer(folder: fixture("subwords/\(name)"))
    try withTemporaryFolder { folder in
      try tokenizer.write(to: folder, window: 64)
      let back = try Tokenizer(folder: folder)
      for text in try Expected.read().odd { #expect(back.encode(text) == tokenizer.encode(text)) }
      #expect(back.padToken == tokenizer.padToken && back.count == tokenizer.count)
    }
  }

  @Test func framesFollowTheSettings() throws {
    func frame(_ settings: String) throws -> [[Int]] {
      var found: [[Int]] = []
      try withCopy(of: "gemma") { folder in
        try Data(settings.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
        let tokenizer = try Tokenizer(folder: folder)
        found = [tokenizer.encode("", window: 4), try tokenizer([""], window: 4).array()]
      }
      return found
    }
    let kind = #""tokenizer_class": "GemmaTokenizer""#
    // The frame of tokenizer.json, and the flags that come before it.
    #expect(try frame("{\(kind)}") == [[1], [1, 0, 0, 0]])
    #expect(
      try frame(#"{\#(kind), "add_bos_token": true, "add_eos_token": true}"#) == [[2, 1], [2, 1, 0, 0]])
    #expect(try frame(#"{\#(kind), "add_bos_token": false}"#) == [[], [0, 0, 0, 0]])
    #expect(try frame(#"{\#(kind), "padding_side": "left"}"#) == [[1], [0, 0, 0, 1]])
  }

  @Test func lowersTheCaseWhereAModelWasTrainedSo() throws {
    func differs(_ settings: String) throws -> Bool {
      var found = false
      try withCopy(of: "gemma") { folder in
        try Data(settings.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
        let tokenizer = try Tokenizer(folder: folder)
        found = tokenizer.encode("A POLYP") != tokenizer.encode("a polyp")
      }
      return found
    }
    #expect(try differs(#"{"tokenizer_class": "GemmaTokenizer"}"#))
    #expect(try !differs(#"{"tokenizer_class": "GemmaTokenizer", "do_lower_case": true}"#))
    #expect(try !differs(#"{"tokenizer_class": "Siglip2Tokenizer"}"#))
  }

  /// Replaces a text in a file of a copy and returns the message of the reading.
  private func answer(_ name: String, _ file: String, _ old: String, _ new: String) throws -> String {
    var text = ""
    try withCopy(of: name) { folder in
      let url = folder.appendingPathComponent(file)
      let content = try String(contentsOf: url, encoding: .utf8)
      #expect(content.contains(old))
      try Data(content.replacingOccurrences(of: old, with: new).utf8).write(to: url)
      text = message { _ = try Tokenizer(folder: folder) }
      #expect(text.contains("\(name)/\(text.contains("tokenizer_config") ? "tokenizer_config.json" : file)"))
    }
    return text
  }

  @Test(arguments: [
    (
      "gemma", #""type":"Replace","#, #""type":"Nmt","#,
      "normalizer.type is \"Nmt\"; supported: Sequence, Lower"
    ),
    ("gemma", #""type":"Split","#, #""type":"ByteLevel","#, "pre_tokenizer.type is \"ByteLevel\"; supported"),
    ("gemma", "MergedWithPrevious", "Isolated", "pre_tokenizer.behavior is \"Isolated\""),
    ("gemma", "TemplateProcessing", "BertProcessing", "post_processor.type is \"BertProcessing\""),
    (
      "gemma", #""type":"BPE""#, #""type":"WordLevel""#,
      "model.type is \"WordLevel\"; supported: BPE, Unigram"
    ),
    ("gemma", #""merges":[["#, #""merges":[["x"],["#, "merge 0 is not a pair of tokens"),
    ("gemma", #""merges":[["#, #""merges":[["☃","a"],["#, "merge 0: the vocabulary lacks \"☃\""),
    ("gemma", #""vocab":{"#, #""vocab":{"<pad>":0,"#, "model.vocab: \"<pad>\" stands twice"),
    ("gemma", #""vocab":{"#, #""vocab":{"☃":-1,"#, "an id from 0 to 999999999 is expected"),
    ("gemma", #""version""#, #""shape":3,"version""#, "shape (3) is not a known setting"),
    ("document", #""unk_id":2"#, #""unk_id":99999"#, "model.unk_id is 99999"),
    ("document", #""type":"Lowercase""#, #""type":"Nmt""#, "normalizers[1].type is \"Nmt\""),
    ("document", #""Regex":"\\s+""#, #""Regex":"(a|b)""#, "Regex is \"(a|b)\"; supported: \\s and sets"),
    ("document", #""type":"Metaspace""#, #""type":"Digits""#, "type is \"Digits\""),
    ("document", #""precompiled_charsmap":""#, #""precompiled_charsmap":"?"#, "is not base64"),
  ])
  func refusesWhatItDoesNotKnow(_ name: String, _ old: String, _ new: String, _ part: String) throws {
    let text = try answer(name, "tokenizer.json", old, new)
    #expect(text.contains(part), "\(text)")
  }

  @Test func refusesStepsThatMakeATextMuchLonger() throws {
    let step = #"{"type":"Replace","pattern":{"String":" "},"content":"▁"}"#
    func reading(_ steps: [String]) throws -> String {
      let sequence = #"{"type":"Sequence","normalizers":[\#(steps.joined(separator: ","))]}"#
      return try answer(
        "gemma", "tokenizer.json", #""normalizer":\#(step)"#, #""normalizer":\#(sequence)"#)
    }
    #expect(try reading(Array(repeating: step, count: 65)).contains("has 65 steps; at most 64"))
    let twice = #"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#
    #expect(try reading(Array(repeating: twice, count: 7)).contains("more than 100 times as long"))
    let long = step.replacingOccurrences(of: "▁", with: String(repeating: "▁", count: 101))
    #expect(try reading([long]).contains("more than 100 times as long"))
  }

  @Test(arguments: [
    (#""add_eos_token":true"#, #""tokenizer_class":"T5Tokenizer","#),
    (#""padding_side":"right""#, #""padding_side":"top""#),
    (#""model_max_length":64"#, #""model_max_length":0"#), (#""add_bos_token""#, #""new""#),
    (#""pad_token":"<pad>""#, #""pad_token":"<filler>""#),
  ])
  func refusesOtherSettings(_ old: String, _ new: String) throws {
    let isClass = new.contains("T5")
    let text =
      isClass
      ? try answer("gemma", "tokenizer_config.json", "Siglip2Tokenizer", "SiglipTokenizer")
      : try answer("gemma", "tokenizer_config.json", old, new)
    #expect(text.contains("tokenizer_config.json"), "\(text)")
    if isClass { #expect(text.contains("a model of byte pairs goes with Siglip2Tokenizer"), "\(text)") }
  }

  @Test func damagedModelsAreAnsweredWithThePlace() throws {
    let good = [UInt8](try Data(contentsOf: fixture("subwords/fallback/spiece.model")))
    func answer(_ bytes: [UInt8]) throws -> String {
      var text = ""
      try withTemporaryFolder { folder in
        try Data(bytes).write(to: folder.appendingPathComponent("spiece.model"))
        text = message { _ = try Tokenizer(folder: folder) }
      }
      return text
    }
    #expect(try answer([]).contains("0 pieces"))
    #expect(try answer(Array(good.dropLast(3))).contains("spiece.model: it is damaged at byte"))
    // A field of 2⁶³ bytes, a number without an end, a wire type that does not exist.
    #expect(
      try answer(good + [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]).contains("are left"))
    #expect(try answer(good + [0x08] + Array(repeating: 0xFF, count: 12)).contains("more than ten bytes"))
    #expect(try answer(good + [0x0F]).contains("the wire type 7"))
    // A piece without a text, a second piece with the text of the first, another kind of model.
    #expect(try answer(good + [0x0A, 0x00]).contains("has no text"))
    #expect(try answer(good + [0x0A, 0x03, 0x0A, 0x01, 0x61]).contains("\"a\" stands twice"))
    #expect(try answer(good + [0x12, 0x02, 0x18, 0x02]).contains("only Unigram (1) is supported"))
    // A table of characters whose trie is longer than the table.
    #expect(try answer(good + [0x1A, 0x07, 0x12, 0x05, 0xFF, 0xFF, 0xFF, 0x7F, 0]).contains("a trie of"))
    // The model of SigLIP 2 is not read without tokenizer.json.
    let text = try withTemporaryFolder { folder in
      try Data(#"{"tokenizer_class": "GemmaTokenizer"}"#.utf8)
        .write(to: folder.appendingPathComponent("tokenizer_config.json"))
      return message { _ = try Tokenizer(folder: folder) }
    }
    #expect(text.contains("tokenizer.json: not found"))
  }

  @Test func ofEqualSumsTheFirstStays() throws {
    // "a" costs 1.1, "aa" costs 1.3. Both ways to write "aaa" have the same sum in float32, which is less
    // than the exact one. sentencepiece 0.2.3 gives a, aa.
    let model: [UInt8] = [
      0x0A, 0x0E, 0x0A, 0x05, 0x3C, 0x75, 0x6E, 0x6B, 0x3E, 0x15, 0, 0, 0, 0, 0x18, 0x02,
      0x0A, 0x0A, 0x0A, 0x01, 0x61, 0x15, 0xCD, 0xCC, 0x8C, 0xBF, 0x18, 0x01,
      0x0A, 0x0B, 0x0A, 0x02, 0x61, 0x61, 0x15, 0x66, 0x66, 0xA6, 0xBF, 0x18, 0x01,
    ]
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("spiece.model")
      try Data(model).write(to: file)
      let unigram = try Unigram(PieceModel(file), file: file)
      #expect(unigram.ids(of: Array("aaa".utf8)) == [1, 2])
      #expect(unigram.ids(of: Array("aaaa".utf8)) == [2, 2])
      #expect(unigram.ids(of: Array("abba".utf8)) == [1, 0, 1])
      #expect(unigram.ids(of: []) == [])
    }
  }

  @Test func tablesOfCharactersStayInTheirBounds() throws {
    // Every unit of the trie leads far away.
    for fill in [UInt8(0xFF), 0x00, 0x41, 0x01] {
      let bytes: [UInt8] = [64, 0, 0, 0] + Array(repeating: fill, count: 64) + [0x41]
      let map = try CharacterMap(bytes, fixture("x"), "a table")
      for text in ["A", "é", "AAAA", "\u{0}"] {
        let found = map.replacement(in: Array(text.utf8)[...], at: 0)
        #expect(found.map { $0.length <= 4 } ?? true)
      }
    }
  }
}
