import Foundation
import Testing
import Torch

@testable import CLIP

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

  /// By hand, after `python make_tokens.py --real`: the vocabulary of the published models is not ours to store.
  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/tmp/clip-real-tokenizer/cases.json")),
    arguments: [TextCleaning.huggingFace, .openCLIP])
  func givesTheReferencesTokensWithTheRealVocabulary(_ cleaning: TextCleaning) throws {
    let wrong = try mismatches(URL(fileURLWithPath: "/tmp/clip-real-tokenizer"), cleaning)
    #expect(wrong.isEmpty, "\(wrong.count) differ:\n\(wrong.prefix(8).joined(separator: "\n"))")
  }
}
