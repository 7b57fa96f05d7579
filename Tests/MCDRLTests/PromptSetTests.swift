import Foundation
import Testing
import Torch

@testable import MCDRL

private let shipped = testFolder.appendingPathComponent("../../Prompts/endoscopy.json5").standardized

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
}

/// A prompt file for a test, removed when `body` returns.
func withFile(_ text: String, _ body: (URL) throws -> Void) throws {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
  try Data(text.utf8).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  try body(url)
}
