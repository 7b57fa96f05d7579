import Foundation
import Storage
import Testing
import Torch

@testable import CLIP

@Suite struct BytePairLearningTests {
  /// Every class with every confounder of the shipped prompts, in their joint sentence.
  private func captions() throws -> [String] {
    let file = fixture("../../../Prompts/endoscopy.json5").standardized
    let members = try #require(JSONValue(json5: Data(contentsOf: file)).members)
    let classes = try #require(members["classes"]).decoded(as: [String].self)
    struct Group: Decodable {
      let confounders: [[String: String]]
    }
    let texts = try #require(members["groups"]).decoded(as: [Group].self)
      .flatMap { $0.confounders.compactMap { $0["text"] } }
    #expect(classes.count == 5 && texts.count == 12)
    return classes.flatMap { name in texts.map { "A \(name) with \($0)" } }
  }

  @Test func wordsThatOccurTwiceBecomeOneToken() throws {
    let captions = try captions() + ["once upon"]
    let tokenizer = try BytePairLearning(captions: captions).tokenizer()
    let words = captions.flatMap { $0.lowercased().split { $0 == " " || $0 == "-" } }.map(String.init)
    for word in Set(words) where !["once", "upon"].contains(word) {
      #expect(tokenizer.encode(word).count == 3, "\(word)")
    }
    #expect(tokenizer.encode("once").count > 3)
    #expect(tokenizer.encode("A polyp with blur").count == 6)
    #expect(tokenizer.count == 514 + tokenizer.merges.count)
  }

  @Test func theWrittenFilesGiveTheSameIds() throws {
    let captions = try captions()
    for cleaning in [TextCleaning.huggingFace, .openCLIP] {
      let tokenizer = try BytePairLearning(captions: captions, limit: 60, cleaning: cleaning).tokenizer()
      try withTemporaryFolder { folder in
        try tokenizer.write(to: folder)
        let back = try Tokenizer(folder: folder)
        #expect(back.cleaning == cleaning && back.padToken == tokenizer.padToken)
        for text in captions + ["never seen — naïve 😀", "it's 3.5 mm", ""] {
          #expect(back.encode(text) == tokenizer.encode(text), "\(text)")
        }
      }
    }
  }

  @Test func theOrderOfCaptionsDoesNotMatter() throws {
    let captions = try captions()
    let first = try BytePairLearning(captions: captions).merges
    for again in [captions, captions.reversed(), captions.sorted()] {
      #expect(try BytePairLearning(captions: again).merges.elementsEqual(first, by: ==))
    }
    let short = try BytePairLearning(captions: captions, limit: 20).merges
    #expect(short.count == 20 && short.elementsEqual(first.prefix(20), by: ==))
  }

  @Test func joinsTheMostFrequentPairFirst() throws {
    // By hand: "l o w</w>" 5, "l o w e r</w>" 2, "n e w e s t</w>" 6, "w i d e s t</w>" 3: the pairs (e,s) and (s,t</w>)
    // occur 9 times each, and e has the lower id; then (es,t</w>) is as frequent.
    let words = [("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]
    let captions = words.flatMap { Array(repeating: $0.0, count: $0.1) }
    let merges = try BytePairLearning(captions: captions, limit: 4).merges
    let wanted = [("e", "s"), ("es", "t</w>"), ("l", "o"), ("e", "w")]
    #expect(merges.elementsEqual(wanted, by: ==), "\(merges)")
  }

  @Test func stopsWhereNoPairOccursTwice() throws {
    let merges = try BytePairLearning(captions: ["ab", "ab", "cd"]).merges
    #expect(merges.count == 1 && merges[0] == ("a", "b</w>"))
    #expect(try BytePairLearning(captions: ["aaaaaaaa aaaaaaaa"]).tokenizer().encode("aaaaaaaa").count == 3)
    #expect(try BytePairLearning(captions: ["Été été"]).tokenizer().encode("été").count == 3)
  }

  @Test(arguments: [[], [""], ["   ", "\n"]] as [[String]])
  func nothingToLearnFromGivesTheBytes(_ captions: [String]) throws {
    let learning = try BytePairLearning(captions: captions)
    #expect(learning.merges.isEmpty)
    let tokenizer = try learning.tokenizer()
    let bytes = try Tokenizer.bytes()
    #expect(tokenizer.count == 514 && tokenizer.encode("ab") == bytes.encode("ab"))
  }

  @Test func noMoreMergesThanTheLimit() throws {
    for limit in [0, 1, 7] {
      #expect(try BytePairLearning(captions: captions(), limit: limit).merges.count == limit)
    }
  }
}
