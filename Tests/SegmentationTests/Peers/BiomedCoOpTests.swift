import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite struct BiomedCoOpTests {
  private func encoded(_ seed: UInt64 = 1) throws -> EncodedImages {
    EncodedImages(dense: try .seeded([2, 2, 3, 6], seed), image: try .seeded([2, 6], 2), layers: [])
  }

  /// The terms of a training step, and its output.
  private func step(_ method: BiomedCoOp) throws -> (terms: [LossTerm], output: SegmentationOutput) {
    let encoded = try encoded()
    let representation = try method.represent(encoded, ForwardPass(training: somePass([0, 1])))
    let output = SegmentationOutput(
      logits: try .zeros([2, 1, 8, 12]), representation: representation, image: encoded.image, features: nil)
    let masks = try Tensor.seeded([2, 1, 8, 12], 7).greater(than: 0).to(.float32)
    return (try method.losses(output, someBatch(sites: [0, 1], masks: masks)), output)
  }

  @Test func consistencyScoresAndDistillationEqualPyTorchs() throws {
    let fixture = try Fixture("biomedcoop", in: "prompt_peers")
    let (features, ensemble) = (try fixture["features"], try fixture["ensemble"])
    let classes = try fixture["classes"].requireGradient()
    let consistency = try BiomedCoOp.consistency(classes, ensemble: ensemble)
    #expect(try difference(consistency, fixture["sccm"]) < 1e-5)
    try consistency.backward()
    #expect(try difference(#require(try classes.gradient()), fixture["gradient"]) < 1e-5)
    let scores = try BiomedCoOp.scores(features, ensemble: ensemble)
    #expect(try difference(scores, fixture["scores"]) < 1e-5)
    #expect(try BiomedCoOp.selection(scores, outlier: 1.5).isEqual(to: fixture["kept"]))
    let student = try fixture["student"].requireGradient()
    let distillation = try BiomedCoOp.distillation(
      student, features: features.requireGradient(), ensemble: ensemble, outlier: 1.5, temperature: 0.1)
    #expect(try difference(distillation, fixture["kdsp"]) < 1e-5)
    try distillation.backward()
    #expect(try difference(#require(try student.gradient()), fixture["studentgradient"]) < 1e-5)
    // The teacher does not learn.
    #expect(try features.gradient() == nil)
  }

  @Test func promptsFarFromTheMedianAreDropped() throws {
    // The median is 3; the distances are 2, 1, 0, 1, 97, and their median is 1.
    let scores = try Tensor([1, 2, 3, 4, 100] as [Float])
    #expect(try BiomedCoOp.selection(scores, outlier: 1.5).floats() == [0, 1, 1, 1, 0])
    #expect(try BiomedCoOp.selection(scores, outlier: 2).floats() == [1, 1, 1, 1, 0])
    #expect(try BiomedCoOp.selection(scores, outlier: 0).floats() == [0, 0, 1, 0, 0])
    // Equal scores have no deviation, and all stay.
    #expect(try BiomedCoOp.selection(.full([4], 0.3), outlier: 1.5).floats() == [1, 1, 1, 1])
  }

  @Test func aPromptHasASentenceForEachClassAndForNormalImages() throws {
    let words = ClassWords(modality: "endoscopy", classes: ["polyp", "ulcer"], normal: ["Normal mucosa"])
    let sentences = PromptEnsemble.sentences(words)
    #expect(sentences.count == PromptEnsemble.count && PromptEnsemble.count == 25)
    #expect(sentences.allSatisfy { $0.count == 3 } && Set(sentences.joined()).count == 75)
    #expect(sentences.contains(["endoscopy: a polyp", "endoscopy: an ulcer", "endoscopy: normal tissue"]))
    #expect(sentences.contains { $0[1] == "a clinical picture with a small ulcer" })
    #expect(!sentences.joined().contains { $0.contains("{") })
  }

  @Test func theTermsAreTheFormulasOfTheStep() throws {
    let method = try some(BiomedCoOp.self) { ($0.consistency, $0.distillation, $0.temperature) = (2, 3, 0.1) }
    let (terms, output) = try step(method)
    #expect(terms.map(\.name) == ["similarity", "sccm", "kdsp"] && terms.map(\.weight) == [1, 2, 3])
    let seen = try method.similarities(encoded(), training: true)
    #expect(
      try difference(terms[1].value, BiomedCoOp.consistency(seen.classes, ensemble: method.ensemble)) < 1e-6)
    let distillation = try BiomedCoOp.distillation(
      seen.logits, features: output.representation.features, ensemble: method.ensemble, outlier: 1.5,
      temperature: 0.1)
    #expect(try difference(terms[2].value, distillation) < 1e-6)
    let cosines = try encoded().positions.matmul(seen.classes.transposed())
    #expect(try difference(seen.logits, cosines / 0.1) < 1e-5)
    // The step is over.
    #expect(try method.losses(output, someBatch(sites: [0, 1])).isEmpty)
    let alone = try some(BiomedCoOp.self) { ($0.similarity, $0.consistency, $0.distillation) = (0, 1, 0) }
    #expect(try step(alone).terms.map(\.name) == ["sccm"])
  }

  @Test func theSimilaritiesAreNotRoundedUnderAutocast() throws {
    let method = try some(BiomedCoOp.self)
    let found = try autocast(to: .bfloat16) { try method.similarities(encoded(), training: true) }
    let cosines = try encoded().positions.matmul(found.classes.transposed())
    #expect(try found.logits.dtype == .float32 && difference(found.logits, cosines / 0.01) < 1e-3)
  }

  @Test func theEnsembleIsEmbeddedInTheFirstStepAndStored() throws {
    let method = try some(BiomedCoOp.self)
    #expect(method.ensemble.shape == [25, 4, 6])
    #expect(try method.ensemble.magnitude().sum().item() == 0)
    _ = try step(method)
    let norms = try method.ensemble.norm(dims: [2])
    #expect(try difference(norms, norms.onesLike()) < 1e-5)
    let wanted = try someTextEncoder()(["endoscopy: a polyp"]).normalized().squeezed(0)
    // The fourth frame with the first finding.
    let found = try method.ensemble.selected(dim: 0, index: 15).selected(dim: 0, index: 0)
    #expect(try difference(found, wanted) < 1e-5)
    // A resumed run has it already: what is stored stays.
    let other = try some(BiomedCoOp.self)
    let half = try method.state().mapValues { try $0.detached() * 0.5 }
    try other.load(half, from: "a test")
    _ = try step(other)
    #expect(try other.ensemble.isEqual(to: #require(half["ensemble"])))
  }

  @Test func theContextLearnsAndTheTextTowerDoesNot() throws {
    let encoder = try someTextEncoder()
    let method = try BiomedCoOp(.init(), someContext(textEncoder: encoder))
    #expect(method.parameters().map(\.key) == ["context", "reading.directions"])
    try method.requireGradients(true)
    let (terms, output) = try step(method)
    let loss = try terms.reduce(output.representation.grid.power(2).sum()) { try $0 + $1.value * $1.weight }
    try loss.backward()
    for parameter in method.parameters() {
      #expect(try #require(try parameter.tensor.gradient()).magnitude().sum().item() > 0, "\(parameter.key)")
    }
    #expect(try encoder.tower.parameters().allSatisfy { try $0.tensor.gradient() == nil })
  }

  @Test func inferenceIsDeterministicAndAgreesWithTraining() throws {
    let method = try some(BiomedCoOp.self)
    try method.load(
      method.state().mapValues { try .seeded($0.shape, 8) }, from: "a test")
    let trained = try method.represent(encoded(), ForwardPass(training: somePass([0, 1]))).grid
    let (first, second) = (
      try method.represent(encoded(), ForwardPass()).grid,
      try method.represent(
        encoded(), ForwardPass()
      ).grid
    )
    #expect(try first.isEqual(to: second))
    #expect(try difference(first, trained) < 1e-4)
    #expect(try difference(first, encoded().positions) > 1e-3)
    // Another context is not answered from memory.
    let context = try #require(method.state()["context"])
    try withoutGradients { _ = try context.assign(context * -1) }
    #expect(try difference(method.represent(encoded(), ForwardPass()).grid, first) > 1e-4)
  }

  @Test func aSettingOutOfRangeIsNamed() throws {
    #expect(message { _ = try some(BiomedCoOp.self) { $0.tokens = 0 } }.contains("model.options.tokens"))
    let text = message { _ = try some(BiomedCoOp.self) { $0.temperature = 0 } }
    #expect(text.contains("model.options.temperature") && text.contains("above 0"), "\(text)")
    #expect(message { _ = try some(BiomedCoOp.self) { $0.outlier = -1 } }.contains("model.options.outlier"))
    let long = message { _ = try some(BiomedCoOp.self) { $0.tokens = 38 } }
    #expect(long.contains("38 learned tokens") && long.contains("model.options.tokens"), "\(long)")
  }
}
