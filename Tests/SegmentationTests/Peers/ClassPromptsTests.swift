import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite struct ClassPromptsTests {
  private func prompts(_ encoder: TextEncoder, length: Int = 3) throws -> ClassPrompts {
    try ClassPrompts(someContext(textEncoder: encoder), length: length, option: "some.option", method: "some")
  }

  @Test func aContextOfOrdinaryTokensGivesTheSentenceWithTheseWords() throws {
    let encoder = try someTextEncoder()
    let prompts = try prompts(encoder)
    let word = try encoder.tower.tokens(encoder.ids(["y y y"])).selected(dim: 0, index: 0)
      .narrowed(dim: 0, start: 1, length: 3)
    let found = try prompts.embeddings(word)
    // The tower's whole window, not the longest sentence alone.
    let wanted = try encoder(["y y y polyp.", "y y y ulcer.", "y y y cyst.", "y y y Normal mucosa."])
      .normalized()
    #expect(found.shape == [4, 6])
    #expect(try difference(found, wanted) < 1e-5)
  }

  @Test func aBERTTakesLearnedTokensToo() throws {
    let encoder = try someBertEncoder()
    let prompts = try prompts(encoder)
    let word = try encoder.tower.tokens(encoder.ids(["y y y"])).selected(dim: 0, index: 0)
      .narrowed(dim: 0, start: 1, length: 3)
    let wanted = try encoder(["y y y polyp.", "y y y ulcer.", "y y y cyst.", "y y y Normal mucosa."])
      .normalized()
    #expect(try difference(prompts.embeddings(word), wanted) < 1e-5)
    #expect(encoder.tokenCount("a photo of a") == 6)
    let context = try Tensor.seeded([3, 12], 4).requireGradient()
    try (prompts.embeddings(context) * Tensor.seeded([4, 6], 5)).sum().backward()
    #expect(try #require(try context.gradient()).magnitude().min([0, 1]).item() > 0)
  }

  @Test func theFirstContextIsAPhraseOrRandomIfLonger() throws {
    let merges = [("p", "h"), ("ph", "o"), ("pho", "t"), ("phot", "o</w>"), ("o", "f</w>")]
    let encoder = try someTextEncoder(merges: merges)
    #expect(encoder.tokenCount("a photo of a") == 6)
    let phrase = try encoder.tower.tokens(encoder.ids(["a photo of a"])).selected(dim: 0, index: 0)
    for length in [2, 4] {
      let first = try prompts(encoder, length: length).firstContext(Generator(seed: 1))
      #expect(try first.isEqual(to: phrase.narrowed(dim: 0, start: 1, length: length)))
    }
    let longer = try prompts(encoder, length: 16).firstContext(Generator(seed: 1))
    #expect(longer.shape == [16, 12])
    #expect(try abs(longer.power(2).mean().squareRoot().item() - 0.02) < 0.005)
  }

  @Test func theFirstContextIsRandomIfThePhraseIsSpeltInLetters() throws {
    let encoder = try someTextEncoder()
    #expect(encoder.tokenCount("a photo of a") == 11)
    let first = try prompts(encoder, length: 4).firstContext(Generator(seed: 1))
    #expect(try first.isEqual(to: Tensor.randomNormal([4, 12], generator: Generator(seed: 1)) * 0.02))
  }

  @Test func everyImageMayHaveItsOwnContext() throws {
    let prompts = try prompts(someTextEncoder())
    let contexts = try Tensor.seeded([2, 3, 12], 4)
    let found = try prompts.embeddings(contexts)
    #expect(found.shape == [2, 4, 6])
    for image in 0..<2 {
      let alone = try prompts.embeddings(contexts.selected(dim: 0, index: image))
      #expect(try difference(found.selected(dim: 0, index: image), alone) < 1e-5)
    }
  }

  @Test func theContextLearnsAndTheTextTowerIsFrozen() throws {
    let encoder = try someTextEncoder()
    try encoder.tower.requireGradients(true)
    let prompts = try prompts(encoder)
    let context = try Tensor.seeded([3, 12], 4).requireGradient()
    try (prompts.embeddings(context) * Tensor.seeded([4, 6], 5)).sum().backward()
    #expect(try #require(try context.gradient()).magnitude().min([0, 1]).item() > 0)
    for parameter in encoder.tower.parameters() {
      #expect(try !parameter.tensor.requiresGradient && parameter.tensor.gradient() == nil)
    }
  }

  @Test func whatIsMissingIsNamed() throws {
    #expect(throws: MethodError.needsTextTower(method: "some")) {
      try ClassPrompts(someContext(), length: 3, option: "some.option", method: "some")
    }
    let context = try someContext(textEncoder: someTextEncoder())
    var text = context.text
    text.words = nil
    let wordless = MethodContext(
      text: text, dictionary: context.dictionary, textEncoder: context.textEncoder, towerLayers: [1],
      towerWidths: [5], gridStride: 4, featureWidth: 4, siteCount: 3, seed: 5)
    #expect(throws: MethodError.needsWords(method: "some")) {
      try ClassPrompts(wordless, length: 3, option: "some.option", method: "some")
    }
  }

  @Test func aNameThatTheWindowWouldCutIsRefused() throws {
    // Start, 5 letters of "polyp", a full stop and end; "Normal mucosa" has 12 letters.
    let encoder = try someTextEncoder(window: 20)
    #expect(try prompts(encoder, length: 5).embeddings(.zeros([5, 12])).shape == [4, 6])
    #expect(
      throws: MethodError.window(
        method: "some", option: "some.option", tokens: 6, name: "Normal mucosa", length: 21, most: 20)
    ) { try prompts(encoder, length: 6) }
    // One token of the first name would still have a place.
    #expect(
      throws: MethodError.window(
        method: "some", option: "some.option", tokens: 13, name: "polyp", length: 21, most: 20)
    ) { try prompts(encoder, length: 13) }
    let text = message { _ = try prompts(encoder, length: 6) }
    #expect(text.contains("some.option") && text.contains("\"Normal mucosa\""), "\(text)")
  }

  @Test func keptEmbeddingsAreMadeOnceForEachContext() throws {
    let memory = PromptMemory()
    let context = try Tensor.seeded([3, 12], 4)
    var count = 0
    func embeddings() throws -> Tensor {
      try memory.embeddings(context) {
        count += 1
        return try context * Double(count)
      }
    }
    let first = try inferenceMode { try embeddings() }
    #expect(try first.isEqual(to: context) && embeddings().isEqual(to: context) && count == 1)
    // What inference mode made may take part in gradients afterwards.
    let input = try Tensor.seeded([3, 12], 5).requireGradient()
    try (input * embeddings()).sum().backward()
    #expect(try difference(#require(try input.gradient()), context) == 0)
    _ = try context.fill(2)
    #expect(try embeddings().isEqual(to: context * 2) && count == 2)
  }

  @Test func theReadingChangesNothingAtFirst() throws {
    let reading = try SimilarityReading(classes: 3, width: 4)
    let (features, logits) = (try Tensor.seeded([2, 5, 4], 1), try Tensor.seeded([2, 5, 3], 2))
    #expect(try reading(features, logits).isEqual(to: features))
    let directions = try Tensor.seeded([3, 4], 3)
    try reading.load(["directions": directions], from: "a test")
    let wanted = try features + logits.softmax(dim: -1).matmul(directions)
    #expect(try difference(reading(features, logits), wanted) < 1e-6)
  }

  @Test func theCrossEntropyOfPositionsEqualsPyTorchs() throws {
    let fixture = try Fixture("similarity", in: "prompt_peers")
    let logits = try fixture["logits"].requireGradient()
    let loss = try SimilarityReading.crossEntropy(logits, masks: fixture["masks"], height: 2, width: 3)
    #expect(try difference(loss, fixture["loss"]) < 1e-5)
    try loss.backward()
    #expect(try difference(#require(try logits.gradient()), fixture["gradient"]) < 1e-5)
  }
}
