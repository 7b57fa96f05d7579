import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct CausalCLIPSegTests {
  @Test func theCausalPartAfterTheWordsEqualsPyTorchs() throws {
    let fixture = try Fixture("causalclipseg", in: "gates")
    let method = try loaded(fixture)
    method.train(false)
    let encoded = try encoded(fixture["dense"])
    let found = try method.represent(encoded, ForwardPass())
    #expect(try difference(found.grid, fixture["grid"]) < 1e-5)
    #expect(try difference(found.features, encoded.positions) == 0)
    #expect(found.intervened == nil && found.attention == nil && found.score == nil)
    #expect(try method.represent(encoded, ForwardPass()).grid.isEqual(to: found.grid))
  }

  /// The decoder descends on the term, the masker ascends; the features are not reversed.
  @Test func theTermAndItsGradientsEqualPyTorchsTwoLosses() throws {
    let fixture = try Fixture("causalclipseg", in: "gates")
    let method = try loaded(fixture)
    try method.requireGradients(true)
    let dense = try fixture["dense"].requireGradient()
    let term = try #require(try self.term(method, dense, fixture["masks"]))
    #expect(try difference(term.value, fixture["loss"]) < 1e-5)
    #expect(term.weight == 1)
    try term.value.backward()
    #expect(try difference(#require(try dense.gradient()), fixture["dense_gradient"]) < 1e-5)
    for (key, parameter) in method.parameters().map({ ($0.key, $0.tensor) }) {
      if key.hasPrefix("kernel.") {
        #expect(try parameter.gradient() == nil, "the term does not read the causal part")
      } else {
        let found = try #require(try parameter.gradient(), "\(key)")
        #expect(try difference(found, fixture["gradients.\(key)"]) < 1e-5, "\(key)")
      }
    }
  }

  @Test func theDecoderLowersTheTermAndTheMaskRaisesIt() throws {
    let fixture = try Fixture("causalclipseg", in: "gates")
    for (part, lowers) in [("decoder.", true), ("masker.", false)] {
      let method = try loaded(fixture)
      try method.requireGradients(true)
      func loss() throws -> Tensor {
        try #require(try term(method, fixture["dense"], fixture["masks"])).value
      }
      let before = try loss()
      try before.backward()
      try withoutGradients {
        for parameter in method.parameters() where parameter.key.hasPrefix(part) {
          try parameter.tensor.addInPlace(#require(try parameter.tensor.gradient()), scale: -0.05)
        }
      }
      let after = try loss().item()
      #expect(try lowers ? after < before.item() : after > before.item(), "\(part)")
    }
  }

  @Test func maskAndWordsLearnFromTheCausalPart() throws {
    let fixture = try Fixture("causalclipseg", in: "gates")
    let method = try loaded(fixture)
    try method.requireGradients(true)
    let grid = try method.represent(encoded(fixture["dense"]), training()).grid
    try (grid * .seeded(grid.shape, 4)).sum().backward()
    for parameter in method.parameters() {
      let isOfTheRival = parameter.key.hasPrefix("decoder.")
      #expect(try (parameter.tensor.gradient() == nil) == isOfTheRival, "\(parameter.key)")
    }
  }

  @Test func theTermIsOnlyOfItsStep() throws {
    let method = try some(CausalCLIPSeg.self) { ($0.width, $0.weight) = (4, 0.5) }
    let dense = try Tensor.seeded([2, 2, 2, 6], 1)
    let masks = try Tensor.zeros([2, 1, 8, 8])
    #expect(try #require(try term(method, dense, masks)).weight == 0.5)
    _ = try method.represent(encoded(dense), ForwardPass())
    let batch = try someBatch(sites: [0, 1], masks: masks)
    #expect(try method.losses(someOutput(features: .zeros([2, 4, 1, 1])), batch).isEmpty)
  }

  @Test func otherWordsGiveOtherFeatures() throws {
    let method = try some(CausalCLIPSeg.self) { $0.width = 4 }
    method.train(false)
    let encoded = try encoded(.seeded([1, 2, 2, 6], 1))
    let before = try method.represent(encoded, ForwardPass()).grid
    let words = try #require(method.state()["words"])
    #expect(words.shape == [6])
    try words.assign(words * -1)
    #expect(try difference(method.represent(encoded, ForwardPass()).grid, before) > 1e-3)
  }

  @Test func optionsOutOfRangeAreNamed() throws {
    #expect(message { _ = try some(CausalCLIPSeg.self) { $0.width = 0 } }.contains("model.options.width"))
    #expect(message { _ = try some(CausalCLIPSeg.self) { $0.weight = -1 } }.contains("model.options.weight"))
  }

  private func loaded(_ fixture: Fixture) throws -> CausalCLIPSeg {
    let method = try some(CausalCLIPSeg.self) { $0.width = 4 }
    try method.load(fixture.parameters, from: "the fixture")
    return method
  }

  /// The only term of a training step of two images.
  private func term(_ method: CausalCLIPSeg, _ dense: Tensor, _ masks: Tensor) throws -> LossTerm? {
    _ = try method.represent(encoded(dense), training())
    return try onlyTerm(
      "confounding", method, someOutput(features: .zeros([2, 4, 1, 1])),
      someBatch(sites: [0, 1], masks: masks))
  }

  private func training() throws -> ForwardPass { ForwardPass(training: try somePass([0, 1])) }

  private func encoded(_ dense: Tensor) throws -> EncodedImages {
    EncodedImages(dense: dense, image: try .zeros([dense.size(0), 6]), layers: [])
  }
}
