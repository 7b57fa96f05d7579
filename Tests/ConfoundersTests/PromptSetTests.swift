import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import Confounders

private let shipped = Project.file("Prompts/endoscopy.json5")

@Suite struct PromptSetTests {
  @Test func shippedPromptsHoldFiveClassesAndTwelveConfoundersInFiveGroups() throws {
    let prompts = try PromptSet(contentsOf: shipped)
    #expect(prompts.modality == "endoscopy")
    #expect(prompts.classes == ["polyp", "tumour", "inflammation", "nodule", "cyst"])
    #expect(
      prompts.groups.map(\.name) == [
        "field of view", "lighting", "imaging technology", "distance", "surface",
      ])
    #expect(prompts.groups.map(\.confounders.count) == [2, 3, 2, 2, 3])
    #expect(prompts.confounders.count == 12)
  }

  @Test func shippedPromptsGiveTheExactSentences() throws {
    let prompts = try PromptSet(contentsOf: shipped)
    #expect(
      prompts.classPrompts == [
        "A polyp in an endoscopic image", "A tumour in an endoscopic image",
        "An inflammation in an endoscopic image", "A nodule in an endoscopic image",
        "A cyst in an endoscopic image",
      ])
    #expect(
      prompts.confounderPrompts == [
        "An endoscopy image with blur", "An endoscopy image with artefacts",
        "An endoscopy image with bright light", "An endoscopy image with dark light",
        "An endoscopy image with uneven light", "An endoscopy image with narrow-band imaging",
        "An endoscopy image with white light imaging", "An endoscopy image with a near view",
        "An endoscopy image with a far view", "An endoscopy image with mucus",
        "An endoscopy image with blood", "An endoscopy image with specular reflection",
      ])
    #expect(prompts.normal == ["A normal endoscopic image", "An endoscopic image of normal mucosa"])
  }

  @Test func jointSentencesRunOverConfoundersFirst() throws {
    let joint = try PromptSet(contentsOf: shipped).jointPrompts
    #expect(joint.count == 60)
    #expect(joint[0] == "A polyp with blur")
    #expect(joint[1] == "A polyp with artefacts")
    #expect(joint[12] == "A tumour with blur")
    #expect(joint[59] == "A cyst with specular reflection")
  }

  @Test(arguments: ["not JSON", "{ modality: ", "", "[]"])
  func aFileThatIsNoPromptSetIsRefused(text: String) throws {
    try withFile(text) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.file == url.path)
      #expect(error.faults.count == 1 && error.faults[0].reason.count > 10, "\(error)")
      #expect(!error.description.contains("\n"), "\(error)")
    }
  }

  @Test func aFaultOfTheTextHasALineAndAColumn() throws {
    try withFile("{\n  modality: NaN }") { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.file == url.path && error.description.contains("line 2, column 13"), "\(error)")
    }
  }

  @Test func aMissingFileIsNamed() {
    let url = URL(fileURLWithPath: "/nowhere/prompts.json5")
    let error = #expect(throws: FileError.self) { try PromptSet(contentsOf: url) }
    #expect(error?.description.contains("/nowhere/prompts.json5") == true)
  }

  @Test func embeddingsAreOfUnitLengthAndSurviveStorage() throws {
    let prompts = try PromptSet(contentsOf: shipped)
    let text = try TextEmbeddings(prompts) { sentences in
      try .seeded([sentences.count, 6], UInt64(sentences.count)) * 3
    }
    #expect(text.classes.shape == [5, 6])
    #expect(text.normal.shape == [6])
    #expect(text.confounders.shape == [12, 6])
    #expect(text.joint.shape == [5, 12, 6])
    for part in text.tensors.values {
      let norms = try part.norm(dims: [-1])
      #expect(try difference(norms, norms.onesLike()) < 1e-6)
    }
    let again = try #require(TextEmbeddings(tensors: text.tensors))
    #expect(try again.joint.isEqual(to: text.joint))
    #expect(TextEmbeddings(tensors: ["text.classes": text.classes]) == nil)
  }

  @Test func theWordsOfTheClassesStayWithTheirEmbeddings() throws {
    let prompts = try PromptSet(contentsOf: shipped)
    let text = try TextEmbeddings(prompts) { try .seeded([$0.count, 6], 1) }
    let words = try #require(text.words)
    #expect(words == ClassWords(prompts) && words.modality == "endoscopy" && words.classes[1] == "tumour")
    #expect(words.normal == prompts.normal)
    #expect(try text.moved(to: .cpu).words == words)
    #expect(TextEmbeddings(tensors: text.tensors)?.words == nil)
    #expect(try ClassWords(json: words.json) == words)
    #expect(try words.json.hasPrefix(#"{"classes":["polyp","tumour""#))
    #expect(ClassWords(json: "[1]") == nil && ClassWords(json: "") == nil)
    func kept(_ modality: String, _ classes: [String], _ normal: [String]) throws -> Bool {
      let words = ClassWords(modality: modality, classes: classes, normal: normal)
      return try ClassWords(json: words.json) == words
    }
    let long = String(repeating: "a", count: 1001)
    #expect(try kept("endoscopy", ["polyp"], ["normal"]))
    // No prompt file can hold these.
    #expect(try !kept(long, ["polyp"], ["normal"]) && !kept("endoscopy", [long], ["normal"]))
    #expect(try !kept("endoscopy", ["polyp"], [long]) && !kept("endoscopy", ["polyp"], []))
    #expect(try !kept("endoscopy", [], ["normal"]))
    #expect(try !kept("endoscopy", ["polyp"], Array(repeating: "a", count: 100_001)))
    #expect(ClassWords(json: String(repeating: " ", count: 7 << 20)) == nil)
    #expect(ClassWords.withArticle("ulcer") == "an ulcer" && ClassWords.withArticle("polyp") == "a polyp")
  }

  /// The shipped prompts with two sentences for classes and pairs and three for confounders.
  private func ensemble() throws -> PromptSet {
    var prompts = try PromptSet(contentsOf: shipped)
    prompts.templates.class.sentences.append("a view of {a class}")
    prompts.templates.confounder.sentences += ["endoscopy, {domain}", "{domain} in the lumen"]
    prompts.templates.joint.sentences.append("{a class} seen with {domain}")
    return prompts
  }

  /// A text tower that gives every sentence a vector of its own, whatever stands around it.
  private func encode(_ sentences: [String]) throws -> Tensor {
    try .stacked(
      sentences.map { sentence in
        try .seeded([6], sentence.utf8.reduce(1) { ($0 &* 31) &+ UInt64($1) }) * Double(sentence.count)
      })
  }

  @Test func theEmbeddingOfAnEnsembleIsTheNormalisedMeanOfItsSentences() throws {
    let prompts = try ensemble()
    let text = try TextEmbeddings(prompts, encode: encode)
    #expect(text.classes.shape == [5, 6] && text.confounders.shape == [12, 6])
    #expect(text.joint.shape == [5, 12, 6])
    func mean(_ sentences: [String]) throws -> Tensor {
      try encode(sentences).normalized().mean([0]).normalized()
    }
    let tumour = try mean(["A tumour in an endoscopic image", "a view of a tumour"])
    #expect(try difference(text.classes.selected(dim: 0, index: 1), tumour) < 1e-6)
    let artefacts = try mean([
      "An endoscopy image with artefacts", "endoscopy, artefacts", "artefacts in the lumen",
    ])
    #expect(try difference(text.confounders.selected(dim: 0, index: 1), artefacts) < 1e-6)
    let both = try mean(["A tumour with artefacts", "a tumour seen with artefacts"])
    #expect(
      try difference(text.joint.selected(dim: 0, index: 1).selected(dim: 0, index: 1), both) < 1e-6)
  }

  @Test func aListOfOneSentenceIsThatSentenceToTheLastBit() throws {
    let single = try PromptSet(contentsOf: shipped)
    let text = try String(contentsOf: shipped, encoding: .utf8)
      .replacingOccurrences(
        of: "class: \"{A class} in an endoscopic image\"",
        with: "class: [\"{A class} in an endoscopic image\"]")
    try withFile(text) { url in
      let list = try PromptSet(contentsOf: url)
      #expect(list == single)
      let (one, other) = (
        try TextEmbeddings(single, encode: encode), try TextEmbeddings(list, encode: encode)
      )
      #expect(try one.classes.isEqual(to: other.classes))
      #expect(try one.classes.isEqual(to: encode(single.classPrompts).normalized()))
    }
  }

  @Test func singleSentencesAreWrittenAsTextsAndListsSurviveStorage() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let single = try PromptSet(contentsOf: shipped)
    // What fingerprints are made of.
    #expect(
      String(decoding: try encoder.encode(single.templates), as: UTF8.self)
        == "{\"class\":\"{A class} in an endoscopic image\",\"confounder\":\"An endoscopy image with {domain}\","
        + "\"joint\":\"{A class} with {domain}\"}")
    let several = try ensemble()
    #expect(try JSONDecoder().decode(PromptSet.self, from: encoder.encode(several)) == several)
  }

  @Test func everySentenceOfAnEnsembleIsListedAndCaptionsHoldAllThatAreTrue() throws {
    let prompts = try ensemble()
    #expect(prompts.sentences.count == 2 * 5 + 2 + 3 * 12 + 2 * 60)
    #expect(Array(prompts.classPrompts[2..<4]) == ["A tumour in an endoscopic image", "a view of a tumour"])
    #expect(
      prompts.captions(lesion: "polyp", confounders: ["mucus"]) == [
        "A polyp in an endoscopic image", "a view of a polyp", "An endoscopy image with mucus",
        "endoscopy, mucus", "mucus in the lumen", "A polyp with mucus", "a polyp seen with mucus",
      ])
    #expect(
      prompts.captions(lesion: nil, confounders: ["mucus"]) == prompts.normal + [
        "An endoscopy image with mucus", "endoscopy, mucus", "mucus in the lumen",
      ])
  }
}

/// A prompt file for a test, removed when `body` returns.
func withFile(_ text: String, _ body: (URL) throws -> Void) throws {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
  try Data(text.utf8).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  try body(url)
}
