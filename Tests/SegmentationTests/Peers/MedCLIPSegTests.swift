import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct MedCLIPSegTests {
  @Test func attentionToGaussiansEqualsPyTorchs() throws {
    let fixture = try Fixture("attention", in: "gates")
    let noise = try fixture["noise"]
    for (name, beta, drawn) in [("mean", 2.35, nil), ("drawn", 2.35, noise), ("plain", 0, nil)]
      as [(String, Double, Tensor?)]
    {
      let attention = try ProbabilisticAttention(
        width: 4, beta: beta, gate: 0, generator: Generator(seed: 1))
      try attention.load(fixture.parameters, from: "the fixture")
      let found = try attention.attended(fixture["x"], fixture["context"], noise: drawn)
      #expect(try difference(found, fixture[name]) < 1e-5, "\(name)")
    }
  }

  @Test func fusedPatchesEqualPyTorchs() throws {
    let fixture = try Fixture("medclipseg", in: "gates")
    let method = try some(MedCLIPSeg.self) { $0.width = 4 }
    try method.load(fixture.parameters, from: "the fixture")
    let encoded = try encoded(fixture["dense"])
    let found = try method.represent(encoded, ForwardPass())
    #expect(try difference(found.grid, fixture["grid"]) < 1e-5)
    #expect(try difference(found.features, encoded.positions) == 0)
    #expect(found.intervened == nil && found.attention == nil && found.score == nil)
  }

  @Test func theSoftContrastEqualsPyTorchs() throws {
    let fixture = try Fixture("contrast", in: "gates")
    let (images, texts) = (
      try fixture["images"].requireGradient(), try fixture["texts"].requireGradient()
    )
    let loss = try MedCLIPSeg.contrast(images: images, texts: texts, temperature: 0.2)
    #expect(try difference(loss, fixture["loss"]) < 1e-5)
    try loss.backward()
    #expect(try difference(#require(try images.gradient()), fixture["image_gradient"]) < 1e-5)
    #expect(try difference(#require(try texts.gradient()), fixture["text_gradient"]) < 1e-5)
  }

  @Test func itAveragesClassesUnlessItsTermIsOff() {
    var options = MedCLIPSeg.Options()
    #expect(MethodChoice(MedCLIPSeg.self, options).traits.averagesClasses)
    options.weight = 0
    #expect(!MethodChoice(MedCLIPSeg.self, options).traits.averagesClasses)
    #expect(!MethodChoice.baseline.traits.averagesClasses)
  }

  @Test func anImagesTextIsItsClassOrAllClassesOrTheNormalPrompt() throws {
    let found = try MedCLIPSeg.shares(
      classes: [1, nil, nil, 0], lesions: [true, true, false, false], count: 2)
    let wanted: [Float] = [0, 1, 0, 0.5, 0.5, 0, 0, 0, 1, 1, 0, 0]
    #expect(found.shape == [4, 3])
    #expect(try found.floats() == wanted)
  }

  @Test func trainingDrawsFromItsOwnGeneratorAndInferenceDrawsNothing() throws {
    let method = try some(MedCLIPSeg.self) { $0.width = 4 }
    let encoded = try encoded(.seeded([2, 2, 3, 6], 1))
    func grid(_ seed: UInt64?) throws -> Tensor {
      let pass = try seed.map { ForwardPass(training: try somePass([0, 1], $0)) } ?? ForwardPass()
      return try method.represent(encoded, pass).grid
    }
    #expect(try grid(3).isEqual(to: grid(3)))
    #expect(try difference(grid(3), grid(4)) > 1e-3)
    #expect(try difference(grid(3), grid(nil)) > 1e-3)
    #expect(try grid(nil).isEqual(to: grid(nil)))
    // Each patch has length 1, as those of the tower.
    #expect(try difference(grid(3).norm(dims: [2]), .ones([2, 6])) < 1e-5)
  }

  @Test func theTermIsNamedAndWeightedAndOnlyOfItsStep() throws {
    let method = try some(MedCLIPSeg.self) { ($0.width, $0.weight) = (4, 0.3) }
    let found = try #require(try terms(method, sites: [0, 1, 2]).first)
    #expect(found.name == "soft-contrast" && found.weight == 0.3)
    #expect(try found.value.item() > 0)
    // No step, no texts.
    let output = try someOutput(features: .zeros([3, 4, 1, 1]))
    #expect(try method.losses(output, someBatch(sites: [0, 1, 2])).isEmpty)
    #expect(try terms(method, sites: [0]).isEmpty, "one image has nothing to be compared with")
  }

  @Test func termAndGridTrainEveryPart() throws {
    let method = try some(MedCLIPSeg.self) { $0.width = 4 }
    try method.requireGradients(true)
    let weights = try Tensor.seeded([3, 6, 6], 8)
    try terms(method, sites: [0, 1, 2]) { grid in try (grid * weights).sum().backward(retainGraph: true) }
      .first?.value.backward()
    for parameter in method.parameters() {
      #expect(try parameter.tensor.gradient() != nil, "\(parameter.key)")
    }
  }

  @Test func theLastTextsLearnFromTheTermAlone() throws {
    let method = try some(MedCLIPSeg.self) { $0.width = 4 }
    try method.requireGradients(true)
    try #require(try terms(method, sites: [0, 1, 2]).first).value.backward()
    let up = try #require(method.parameters().first { $0.key == "pvl_adapters.1.proj_txt_up.weight" })
    #expect(try #require(try up.tensor.gradient()).magnitude().sum().item() > 0)
  }

  @Test func otherWordsGiveOtherPatches() throws {
    let method = try some(MedCLIPSeg.self)
    let encoded = try encoded(.seeded([1, 2, 2, 6], 1))
    let before = try method.represent(encoded, ForwardPass()).grid
    #expect(method.buffers().map(\.key) == ["words"])
    let words = try #require(method.state()["words"])
    #expect(words.shape == [4, 6], "three classes and the normal prompt")
    try words.assign(words * -1)
    #expect(try difference(method.represent(encoded, ForwardPass()).grid, before) > 1e-3)
  }

  @Test func optionsOutOfRangeAreNamed() throws {
    let wrong: [(String, (inout MedCLIPSeg.Options) -> Void)] = [
      ("width", { $0.width = 0 }), ("depth", { $0.depth = 0 }), ("beta", { $0.beta = -1 }),
      ("gate", { $0.gate = .nan }), ("temperature", { $0.temperature = 0 }), ("weight", { $0.weight = -1 }),
    ]
    for (name, change) in wrong {
      let text = message { _ = try some(MedCLIPSeg.self, change) }
      #expect(text.contains("model.options.\(name)"), "\(text)")
    }
  }

  /// The terms of a training step with one image of each kind: a known class, an unknown one, no lesion.
  private func terms(
    _ method: MedCLIPSeg, sites: [Int], _ use: (Tensor) throws -> Void = { _ in }
  ) throws -> [LossTerm] {
    let count = sites.count
    let pass = try somePass(sites)
    let representation = try method.represent(
      encoded(.seeded([count, 2, 3, 6], 1)), ForwardPass(training: pass))
    try use(representation.grid)
    let lesion = try Tensor(sites.indices.map { $0 < 2 ? 1 : 0 } as [Float], shape: [count, 1, 1, 1])
    return try method.losses(
      SegmentationOutput(
        logits: .zeros([count, 1, 4, 4]), representation: representation, image: .zeros([count, 6]),
        features: nil),
      MethodBatch(
        sites: sites, masks: lesion.expanded(to: [count, 1, 4, 4]),
        classes: sites.indices.map { $0 == 0 ? 1 : nil }, losses: .ones([count]), pass: pass, progress: 0.5))
  }

  private func encoded(_ dense: Tensor) throws -> EncodedImages {
    EncodedImages(dense: dense, image: try .zeros([dense.size(0), 6]), layers: [])
  }
}
