import Foundation
import Testing
import TestSupport

@testable import CLIP

/// BERT's tokenizer against transformers and open_clip (`Fixtures/make_wordpiece.py`).
@Suite struct WordPieceTests {
  /// The rule of 2,000 sentences, and what the references make of them.
  private struct Reference: Decodable {
    let count: Int
    let words: [String: [String]]
    let forms: [String]
    let window: Int
    let block: Int
    let ids: [String: [[Int]]]
    let hashes: [String: [String]]

    /// The sentences, as `sentences()` of the script makes them.
    var sentences: [String] {
      var state: UInt32 = 20
      func pick(_ count: Int) -> Int {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 8) % count
      }
      func filled(_ form: String) -> String {
        form.split(separator: "{", omittingEmptySubsequences: false).enumerated().map { index, piece in
          guard index > 0, let end = piece.firstIndex(of: "}") else { return String(piece) }
          let list = words[String(piece[..<end])] ?? []
          return list[pick(list.count)] + piece[piece.index(after: end)...]
        }.joined()
      }
      return (0..<count).map { index in
        let parts = (0..<1 + pick(3)).map { _ in filled(forms[pick(forms.count)]) }
        let times = index % 50 == 49 ? 12 : 1
        return Array(repeating: parts, count: times).joined().joined(separator: " ")
      }
    }
  }

  private static func reference() throws -> Reference {
    try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: fixture("wordpiece/sentences.json")))
  }

  /// FNV-1a over the ids in decimal, a row a line.
  private func hash(_ rows: ArraySlice<[Int]>) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for row in rows {
      for byte in (row.map(String.init).joined(separator: " ") + "\n").utf8 {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
      }
    }
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  /// Lends a folder with the small vocabulary and these settings.
  private func withVocabulary<Result>(
    _ settings: String? = nil, whole: Bool = false, _ body: (URL) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      let name = whole ? "tokenizer.json" : "vocab.txt"
      try FileManager.default.copyItem(
        at: fixture(whole ? "wordpiece/whole/tokenizer.json" : "wordpiece/vocab.txt"),
        to: folder.appendingPathComponent(name))
      if let settings {
        try Data(settings.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
      }
      return try body(folder)
    }
  }

  @Test(arguments: ["hugging", "openclip", "cased"])
  func agreesOnTwoThousandSentences(_ name: String) throws {
    let settings =
      #"{"tokenizer_class": "BertTokenizer", "do_lower_case": false, "tokenize_chinese_chars": false}"#
    let reference = try Self.reference()
    let sentences = reference.sentences
    let tokenizer = try withVocabulary(name == "cased" ? settings : nil) {
      try Tokenizer(folder: $0, cleaning: name == "openclip" ? .openCLIP : .huggingFace)
    }
    let ids = try tokenizer(sentences, window: reference.window).array(of: Int.self)
    let rows = sentences.indices.map {
      Array(ids[$0 * reference.window..<($0 + 1) * reference.window])
    }
    let known = try #require(reference.ids[name])
    for (index, row) in known.enumerated() { #expect(rows[index] == row, "\(sentences[index])") }
    let hashes = try #require(reference.hashes[name])
    #expect(hashes.count * reference.block == reference.count)
    for (index, expected) in hashes.enumerated() {
      let place = index * reference.block
      #expect(
        hash(rows[place..<place + reference.block]) == expected,
        "sentences \(place) to \(place + reference.block - 1)")
    }
  }

  @Test func readsEitherFile() throws {
    let texts = ["A flat polyp, 3 mm [MASK]", "naïve 病变 Köhler", "x"]
    let list = try withVocabulary { try Tokenizer(folder: $0, cleaning: .huggingFace) }
    let folders = [fixture("wordpiece/whole"), fixture("wordpiece")]
    for tokenizer in try folders.map({ try Tokenizer(folder: $0, cleaning: .huggingFace) }) {
      for text in texts { #expect(tokenizer.encode(text) == list.encode(text)) }
      #expect(tokenizer.vocabulary == list.vocabulary && tokenizer.count == list.count)
      #expect(tokenizer.startToken == 2 && tokenizer.endToken == 3 && tokenizer.padToken == 0)
    }
    let whole = try withVocabulary(whole: true) { try Tokenizer(folder: $0) }
    #expect(whole.cleaning == .huggingFace && whole.encode(texts[0]) == list.encode(texts[0]))
  }

  @Test func cutsToTheWindow() throws {
    let tokenizer = try Tokenizer(folder: fixture("wordpiece/whole"))
    let long = String(repeating: "polyp ", count: 30)
    #expect(tokenizer.encode(long, window: 8).count == 8)
    #expect(tokenizer.encode(long, window: 8).last == tokenizer.endToken)
    #expect(tokenizer.encode(long, window: .max).count == 32)
    #expect(try tokenizer([""], window: 4).array(of: Int.self) == [2, 3, 0, 0])
    // The text of a special token is that token, in its own case alone.
    #expect(tokenizer.encode("[SEP]") == [2, 3, 3] && tokenizer.encode("[sep]").count > 3)
  }

  @Test func isWrittenAndReadBack() throws {
    let settings =
      #"{"do_lower_case": false, "strip_accents": true, "text_cleaning": "openCLIP", "added_tokens_decoder": "#
      + #"{"0": {"content": "[PAD]", "special": true}, "900": {"content": "<lesion>", "lstrip": true}}}"#
    let first = try withVocabulary(settings) { try Tokenizer(folder: $0) }
    try withTemporaryFolder { folder in
      try first.write(to: folder, window: 24)
      let back = try Tokenizer(folder: folder)
      #expect(back.cleaning == .openCLIP && back.count == 901 && back.vocabulary == first.vocabulary)
      for text in ["Köhler &amp; polyp", "a <lesion> b", "", "[MASK]"] {
        #expect(back.encode(text) == first.encode(text))
      }
      #expect(back.encode("a <lesion>").dropLast().last == 900)
    }
  }

  @Test func namesTheFault() throws {
    for (settings, part) in [
      (#"{"tokenizer_class": "RobertaTokenizer"}"#, "tokenizer_class is \"RobertaTokenizer\""),
      (#"{"never_split": ["a"]}"#, "never_split"), (#"{"do_basic_tokenize": false}"#, "do_basic_tokenize"),
      (#"{"cls_token": "<s>"}"#, "lacks \"<s>\", the cls_token"), (#"{"new": 1}"#, "new (1)"),
      (#"{"padding_side": "left"}"#, "padding_side"), (#"{"do_lower_case": 1}"#, "do_lower_case is 1"),
      (#"{"additional_special_tokens": ["a"]}"#, "additional_special_tokens"),
      (#"{"added_tokens_decoder": {"x": "a"}}"#, "its name must be the id"),
    ] {
      try withVocabulary(settings) { folder in
        let text = message { _ = try Tokenizer(folder: folder) }
        #expect(text.contains(folder.path) && text.contains(part), "\(text)")
      }
    }
    try withVocabulary(#"{"do_lower_case": false}"#, whole: true) { folder in
      let text = message { _ = try Tokenizer(folder: folder) }
      #expect(text.contains("normalizer.lowercase is true; do_lower_case"), "\(text)")
    }
    for (content, part) in [
      ("[PAD]\n[UNK]\n", "lacks \"[CLS]\""), ("", "lacks \"[CLS]\""),
      ("[UNK]\n[CLS]\n[SEP]\n", "lacks \"[PAD]\""),
    ] {
      try withTemporaryFolder { folder in
        try Data(content.utf8).write(to: folder.appendingPathComponent("vocab.txt"))
        let text = message { _ = try Tokenizer(folder: folder) }
        #expect(text.contains("vocab.txt") && text.contains(part), "\(text)")
      }
    }
    for (old, new, part) in [
      (#""BertNormalizer""#, #""NFC""#, "normalizer.type is \"NFC\""),
      (#""clean_text": true"#, #""clean_text": false"#, "clean_text"),
      (#""[CLS]": 2"#, #""[CLS]": -2"#, "\"[CLS]\" has no valid id"),
      (#""max_input_chars_per_word": 100"#, #""max_input_chars_per_word": 0"#, "max_input_chars_per_word"),
    ] {
      try withVocabulary(whole: true) { folder in
        let file = folder.appendingPathComponent("tokenizer.json")
        let content = try String(contentsOf: file, encoding: .utf8)
        #expect(content.contains(old))
        try Data(content.replacingOccurrences(of: old, with: new).utf8).write(to: file)
        let text = message { _ = try Tokenizer(folder: folder) }
        #expect(text.contains("tokenizer.json") && text.contains(part), "\(text)")
      }
    }
  }
}
