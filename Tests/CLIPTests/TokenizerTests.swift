import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import CLIP

/// A folder of `make_tokens.py --real`, if MCDRL_REAL_TOKENIZER names one.
private let realTokenizer = ProcessInfo.processInfo.environment["MCDRL_REAL_TOKENIZER"]

@Suite struct TokenizerTests {
  struct Case: Decodable {
    /// The text; Hugging Face's ids; OpenCLIP's, where they differ.
    let t: String
    let h: [Int]
    let o: [Int]?
  }

  private func mismatches(_ folder: URL, _ cleaning: TextCleaning) throws -> [String] {
    let cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: folder.appendingPathComponent("cases.json")))
    #expect(cases.count == 2000)
    let tokenizer = try Tokenizer(folder: folder, cleaning: cleaning)
    return cases.compactMap { item in
      let expected = cleaning == .openCLIP ? item.o ?? item.h : item.h
      let found = tokenizer.encode(item.t)
      return found == expected ? nil : "\(item.t.debugDescription)\n  \(expected)\n  \(found)"
    }
  }

  @Test(arguments: [TextCleaning.huggingFace, .openCLIP])
  func givesTheReferencesTokens(_ cleaning: TextCleaning) throws {
    let wrong = try mismatches(fixture("tokenizer"), cleaning)
    #expect(wrong.isEmpty, "\(wrong.count) differ:\n\(wrong.prefix(8).joined(separator: "\n"))")
  }

  /// By hand: the vocabulary of the published models is not ours to store.
  ///
  /// `python make_tokens.py --real FOLDER` writes it, and MCDRL_REAL_TOKENIZER names the folder.
  @Test(
    .enabled(if: realTokenizer != nil, "MCDRL_REAL_TOKENIZER names no folder"),
    arguments: [TextCleaning.huggingFace, .openCLIP])
  func givesTheReferencesTokensWithTheRealVocabulary(_ cleaning: TextCleaning) throws {
    let wrong = try mismatches(URL(fileURLWithPath: #require(realTokenizer)), cleaning)
    #expect(wrong.isEmpty, "\(wrong.count) differ:\n\(wrong.prefix(8).joined(separator: "\n"))")
  }
}

extension TokenizerTests {
  @Test func fillsAndCutsTheWindow() throws {
    let tokenizer = try Tokenizer(folder: fixture("tokenizer"), cleaning: .huggingFace)
    let rows = try tokenizer(["", "polyp " + String(repeating: "cyst ", count: 200)], window: 10)
    #expect(rows.shape == [2, 10] && rows.dtype == .int64)
    let ids: [Int] = try rows.array()
    let (start, end) = (tokenizer.startToken, tokenizer.endToken)
    #expect(Array(ids[..<10]) == [start, end] + Array(repeating: end, count: 8))
    #expect(ids[10] == start && ids[19] == end && !ids[11..<19].contains(end))
    let open = try Tokenizer(folder: fixture("tokenizer"), cleaning: .openCLIP)
    #expect(try open([""], window: 4).array() == [start, end, 0, 0])
    #expect(tokenizer.encode("polyp", window: 1) == [end])
  }

  @Test func allFormsOfTheFilesAgree() throws {
    let source = fixture("tokenizer")
    let plain = try Tokenizer(folder: source)
    let texts = ["A polyp — naïve 😀 café’s", "it's 3.5mm <|endoftext|>"]
    let lines = try String(contentsOf: source.appendingPathComponent("merges.txt"), encoding: .utf8)
    let vocabulary = try Data(contentsOf: source.appendingPathComponent("vocab.json"))
    try withTemporaryFolder { folder in
      // Windows line ends, a padding token, and both ways in which tokenizer.json writes merges.
      try Data(lines.replacingOccurrences(of: "\n", with: "\r\n").utf8)
        .write(to: folder.appendingPathComponent("merges.txt"))
      try vocabulary.write(to: folder.appendingPathComponent("vocab.json"))
      try Data(#"{"pad_token": {"content": "!"}}"#.utf8)
        .write(to: folder.appendingPathComponent("special_tokens_map.json"))
      try Data("{}".utf8).write(to: folder.appendingPathComponent("config.json"))
      let other = try Tokenizer(folder: folder)
      #expect(texts.allSatisfy { other.encode($0) == plain.encode($0) } && other.padToken == 0)
    }
    for isPair in [false, true] {
      try withTemporaryFolder { folder in
        let merges = lines.split(separator: "\n").dropFirst().map { line -> JSONValue in
          isPair ? .array(line.split(separator: " ").map { .string(String($0)) }) : .string(String(line))
        }
        let model = JSONValue.object(["vocab": try JSONValue(json5: vocabulary), "merges": .array(merges)])
        try JSONEncoder().encode(["model": model]).write(to: folder.appendingPathComponent("tokenizer.json"))
        let other = try Tokenizer(folder: folder)
        #expect(texts.allSatisfy { other.encode($0) == plain.encode($0) })
      }
    }
    try withTemporaryFolder { folder in
      try Data(lines.utf8).write(to: folder.appendingPathComponent("bpe_simple_vocab_16e6.txt"))
      let open = try Tokenizer(folder: folder)
      #expect(open.cleaning == .openCLIP && open.count == plain.count)
      #expect(open.encode("a polyp") == plain.encode("a polyp"))
    }
  }

  @Test func bytesAloneMakeAVocabulary() throws {
    let tokenizer = try Tokenizer.bytes()
    #expect(tokenizer.count == 514 && tokenizer.startToken == 512 && tokenizer.endToken == 513)
    // The printable bytes begin with "!", and those that end a word come 256 later.
    #expect(tokenizer.encode("Ab") == [512, 0x61 - 0x21, 0x62 - 0x21 + 256, 513])
    #expect(tokenizer.encode("é").count == 4)
  }

  @Test func namesTheFaultOfAFile() throws {
    let source = fixture("tokenizer")
    let merges = try Data(contentsOf: source.appendingPathComponent("merges.txt"))
    let vocabulary = try Data(contentsOf: source.appendingPathComponent("vocab.json"))
    var ids = try JSONDecoder().decode([String: Int].self, from: vocabulary)
    func json(_ change: (inout [String: Int]) -> Void) throws -> Data {
      var copy = ids
      change(&copy)
      return try JSONEncoder().encode(copy)
    }
    ids["unused"] = 9999
    for (name, content, part) in [
      ("vocab.json", Data("[1]".utf8), "one JSON object"), ("vocab.json", Data("{\"a\": \"b\"}".utf8), "ids"),
      ("vocab.json", try json { $0["<|endoftext|>"] = nil }, "<|endoftext|>"),
      ("vocab.json", try json { $0["a</w>"] = nil }, "byte \"a</w>\""),
      ("vocab.json", try json { $0["in"] = nil }, "\"in\""),
      ("vocab.json", try json { $0["b"] = -1 }, "\"b\""),
      ("merges.txt", Data("#version: 0.2\na b c\n".utf8), "line 2: \"a b c\""),
      ("merges.txt", Data([0xFF, 0xFE, 0x41]), "UTF-8"),
      ("tokenizer.json", Data("{}".utf8), "model.vocab"),
      ("tokenizer.json", Data(#"{"model": {"vocab": {}, "merges": [3]}}"#.utf8), "merge 0"),
      ("tokenizer_config.json", Data("3".utf8), "one JSON object"),
    ] {
      try withTemporaryFolder { folder in
        func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
        if name != "tokenizer.json" {
          try merges.write(to: file("merges.txt"))
          try vocabulary.write(to: file("vocab.json"))
        }
        try content.write(to: file(name))
        let text = message { _ = try Tokenizer(folder: folder, cleaning: .huggingFace) }
        #expect(text.contains(file(name).path) && text.contains(part), "\(text)")
      }
    }
    try withTemporaryFolder { folder in
      let text = message { _ = try Tokenizer(folder: folder) }
      #expect(text.contains(folder.appendingPathComponent("vocab.json").path) && text.contains("not found"))
    }
  }
}
