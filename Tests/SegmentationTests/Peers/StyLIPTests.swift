import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct StyLIPTests {
  private func encoded(_ images: Int = 2) throws -> EncodedImages {
    EncodedImages(
      dense: try .seeded([images, 2, 3, 6], 1), image: try .seeded([images, 6], 2),
      // A finer layer, as a ResNet's.
      layers: [try .seeded([images, 4, 6, 5], 3), try .seeded([images, 2, 3, 7], 4)])
  }

  /// A method whose content projector and reading are not 0.
  private func trained(_ change: (inout StyLIP.Options) -> Void = { _ in }) throws -> StyLIP {
    let method = try some(StyLIP.self, change)
    let state = try method.state().mapValues { try .seeded($0.shape, 8) * 0.3 }
    try method.load(state, from: "a test")
    return method
  }

  @Test func styleAndContentEqualNumPys() throws {
    let fixture = try Fixture("stylip", in: "prompt_peers")
    let style = try LayerStyle(fixture["layer"])
    #expect(try difference(style.statistics, fixture["statistics"]) < 1e-4)
    let content = try style.content(fixture["layer"], height: 4, width: 6)
    #expect(try difference(content, fixture["content"]) < 1e-4)
    #expect(try style.content(fixture["layer"], height: 2, width: 3).shape == [2, 6, 5])
    // A single position has no deviation.
    let single = try LayerStyle(.ones([1, 1, 1, 3]))
    #expect(try single.content(.ones([1, 1, 1, 3]), height: 1, width: 1).isFinite())
  }

  @Test func cosinesWithPromptsPlusContentEqualPyTorchs() throws {
    let fixture = try Fixture("stylip", in: "prompt_peers")
    let found = try StyLIP.cosines(
      fixture["features"], classes: fixture["classes"], content: fixture["added"])
    #expect(try difference(found, fixture["cosines"]) < 1e-5)
    let plain = try StyLIP.cosines(fixture["features"], classes: fixture["classes"], content: nil)
    let none = try StyLIP.cosines(
      fixture["features"], classes: fixture["classes"], content: fixture["added"].zerosLike())
    #expect(try difference(plain, none) < 1e-5)
  }

  @Test func theTokensComeFromTheStyleOfTheImageItself() throws {
    let method = try trained { $0.content = false }
    let encoded = try encoded()
    let found = try method.similarities(encoded)
    #expect(found.classes.shape == [2, 4, 6] && found.logits.shape == [2, 6, 4])
    let alone = try method.similarities(encoded.map { try $0.narrowed(dim: 0, start: 0, length: 1) })
    #expect(try difference(found.classes.narrowed(dim: 0, start: 0, length: 1), alone.classes) < 1e-4)
    // The order of positions is no style, but the contrast is.
    func changed(_ change: (Tensor) throws -> Tensor) throws -> Double {
      let other = EncodedImages(
        dense: encoded.dense, image: encoded.image, layers: try encoded.layers.map(change))
      return try difference(method.similarities(other).classes, found.classes)
    }
    #expect(try changed { try $0.flipped([1, 2]) } < 1e-4)
    #expect(try changed { try $0.power(2) } > 1e-3)
  }

  @Test func theContentChangesTheSimilarityOnceItIsLearned() throws {
    let first = try some(StyLIP.self)
    #expect(first.parameters().contains { $0.key == "content_proj.weight" })
    let plain = try some(StyLIP.self) { $0.content = false }
    #expect(!plain.parameters().contains { $0.key == "content_proj.weight" })
    #expect(try difference(first.similarities(encoded()).logits, plain.similarities(encoded()).logits) < 1e-3)
    let found = try trained().similarities(encoded())
    let without = try trained { $0.content = false }.similarities(encoded())
    #expect(try difference(found.classes, without.classes) < 1e-5)
    #expect(try difference(found.logits, without.logits) > 1e-2)
  }

  @Test func theSimilaritiesAreNotRoundedUnderAutocast() throws {
    let method = try trained { $0.content = false }
    let found = try autocast(to: .bfloat16) { try method.similarities(encoded()) }
    let cosines = try StyLIP.cosines(encoded().positions, classes: found.classes, content: nil)
    #expect(try found.logits.dtype == .float32 && difference(found.logits, cosines / 0.01) < 1e-3)
  }

  @Test func theTermIsTheCrossEntropyAndAllLearnButTheTextTower() throws {
    let encoder = try someTextEncoder()
    let method = try StyLIP(.init(), someContext(textEncoder: encoder))
    try method.load(method.state().mapValues { try .seeded($0.shape, 8) * 0.3 }, from: "a test")
    try method.requireGradients(true)
    let encoded = try encoded()
    let representation = try method.represent(encoded, ForwardPass(training: somePass([0, 1])))
    let output = SegmentationOutput(
      logits: try .zeros([2, 1, 8, 12]), representation: representation, image: encoded.image, features: nil)
    let masks = try Tensor.seeded([2, 1, 8, 12], 7).greater(than: 0).to(.float32)
    let batch = try someBatch(sites: [0, 1], masks: masks)
    let term = try #require(try onlyTerm("similarity", method, output, batch))
    #expect(term.weight == 1)
    #expect(try difference(term.value, method.similarities(encoded).crossEntropy(masks)) < 1e-4)
    try (term.value + representation.grid.power(2).sum()).backward()
    for parameter in method.parameters() {
      #expect(try #require(try parameter.tensor.gradient()).magnitude().sum().item() > 0, "\(parameter.key)")
    }
    #expect(try encoder.tower.parameters().allSatisfy { try $0.tensor.gradient() == nil })
    // The step is over.
    #expect(try method.losses(output, batch).isEmpty)
  }

  @Test func inferenceIsDeterministic() throws {
    let method = try trained()
    let found = try (0..<2).map { _ in try method.represent(encoded(), ForwardPass()).grid }
    #expect(try found[0].isEqual(to: found[1]))
    #expect(try difference(found[0], encoded().positions) > 1e-3)
    // Without a training step there is nothing to lose.
    #expect(try method.losses(someOutput(features: .zeros([2, 4, 2, 3])), someBatch(sites: [0, 1])).isEmpty)
  }

  @Test func itsLayersAreSharesOfTheDepth() throws {
    var configuration = ModelConfiguration()
    configuration.method = MethodChoice(StyLIP.self)
    #expect(configuration.towerLayers(depth: 12) == [3, 6, 9, 12])
    #expect(configuration.towerLayers(depth: 4) == [1, 2, 3, 4])
    // The head reads none of them, as the baseline's.
    #expect(configuration.head(depth: 12).towerLayers.isEmpty)
  }

  @Test func aSettingOutOfRangeIsNamed() throws {
    let text = message { _ = try some(StyLIP.self) { $0.temperature = -1 } }
    #expect(text.contains("model.options.temperature") && text.contains("above 0"), "\(text)")
    let context = try someContext(textEncoder: someTextEncoder(window: 16))
    let short = message { _ = try StyLIP(.init(), context) }
    #expect(short.contains("2 learned tokens") && short.contains("model.head.towerLayers"), "\(short)")
  }
}
