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
        "A inflammation in an endoscopic image", "A nodule in an endoscopic image",
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

  @Test(arguments: [
    ("modality: \"endoscopy\",", "", "\"modality\" is missing"),
    ("class: \"A {class}", "klass: \"A {class}", "\"class\" is missing in templates"),
    ("name: \"artefacts\"", "name: \"blur\"", "the confounder \"blur\" stands twice"),
    ("\"tumour\"", "\"polyp\"", "a class stands twice"),
    ("A {class} in an", "A lesion in an", "templates.class lacks {class}"),
    ("image with {domain}", "image with light", "templates.confounder lacks {domain}"),
    ("A {class} with {domain}", "A {class}", "templates.joint must hold {class} and {domain}"),
    ("[\"polyp\", \"tumour\", \"inflammation\", \"nodule\", \"cyst\"]", "[]", "classes is empty"),
    ("[\"A normal endoscopic image\", \"An endoscopic image of normal mucosa\"]", "[]", "normal is empty"),
  ])
  func aFaultIsNamedTogetherWithTheFile(old: String, new: String, message: String) throws {
    let text = try String(contentsOf: shipped, encoding: .utf8)
    try #require(text.contains(old))
    try withFile(text.replacingOccurrences(of: old, with: new)) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.file == url.path)
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test func aFileWithoutConfoundersIsRefused() throws {
    let text = """
      { modality: "x", classes: ["polyp"], normal: ["n"], groups: [{ name: "g", confounders: [] }],
        templates: { class: "{class}", confounder: "{domain}", joint: "{class} {domain}" } }
      """
    try withFile(text) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.reason.contains("groups hold no confounder"))
    }
  }

  @Test(arguments: ["not JSON", "{ modality: ", "", "[]"])
  func aFileThatIsNoPromptSetIsRefused(text: String) throws {
    try withFile(text) { url in
      let error = try #require(throws: PromptError.self) { try PromptSet(contentsOf: url) }
      #expect(error.file == url.path)
      #expect(!error.reason.isEmpty && !error.reason.contains("\n"), "\(error)")
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

  private func withFile(_ text: String, _ body: (URL) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
    try Data(text.utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url)
  }
}
