import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

/// What a tower would give for 64×64 pixels at stride 8: an 8×8 grid of width 16.
private struct Batch {
  let images: Tensor
  let encoded: EncodedImages

  init(side: Int = 64, stride: Int = 8, width: Int = 16, layers: [Int] = []) throws {
    let grid = side / stride
    images = try .seeded([2, 3, side, side], 1)
    encoded = EncodedImages(
      dense: try .seeded([2, grid, grid, width], 2), image: try .seeded([2, width], 3),
      layers: try layers.map { layer in
        // The first layers have a grid twice as fine, as a ResNet's stages do.
        let fine = layer < 4 ? 2 * grid : grid
        return try .seeded([2, fine, fine, towerWidths[layer - 1]], UInt64(10 + layer))
      })
  }
}

/// Six layers, of two widths.
private let towerWidths = [10, 12, 10, 12, 10, 12]

private func model(
  _ method: MethodChoice, fill: Fill = .features, seed: UInt64 = 9,
  _ change: (inout ModelConfiguration) -> Void = { _ in }, options: (inout MCDRL.Options) -> Void = { _ in }
) throws -> SegmentationModel {
  var configuration = ModelConfiguration()
  configuration.method = method.changing(MCDRL.self) {
    $0.region?.fill = fill
    $0.intervention?.depth = 2
    options(&$0)
  }
  configuration.head.detailWidths = [4, 8, 8, 8]
  configuration.head.gridWidth = 6
  change(&configuration)
  let model = try SegmentationModel(
    configuration, text: someText(width: 16), towerWidths: towerWidths, gridStride: 8, seed: seed)
  model.train(false)
  return model
}

private func logits(_ model: SegmentationModel, _ pass: ForwardPass = ForwardPass()) throws -> Tensor {
  let batch = try Batch()
  return try model(images: batch.images, encoded: batch.encoded, pass).logits
}

@Suite struct SegmentationModelTests {
  @Test func theFourMethodsNameTheirParts() throws {
    #expect(MethodChoice.paper.map(\.name) == ["mcdrl", "baseline", "mcdrl", "mcdrl"])
    #expect(
      try MethodChoice.paper.map { try model($0).method.label } == [
        "mcdrl", "baseline", "no-mtrs", "no-cdrl",
      ])
    #expect(MethodChoice.paper.map(\.traits.selectsRegions) == [true, false, false, true])
    #expect(MethodChoice.paper.map(\.traits.intervenes) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.attends) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.trainsOnInterventions) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.needsClasses) == [true, false, true, true])
  }

  @Test func controlsReplaceTheDictionaryAndNothingElse() throws {
    func with(_ source: DictionarySource, seed: UInt64 = 9) throws -> SegmentationModel {
      try model(.mcdrl, seed: seed, options: { $0.intervention?.dictionary = source })
    }
    let words = try with(.words).dictionary.embeddings
    #expect(try words.isEqual(to: someText(width: 16).confounders))

    let random = try with(.random).dictionary.embeddings
    #expect(random.shape == words.shape)
    #expect(try (random.power(2).sum([1]) - 1).magnitude().max([0]).item() < 1e-5)
    #expect(try random.isEqual(to: with(.random).dictionary.embeddings))
    #expect(try !random.isEqual(to: with(.random, seed: 10).dictionary.embeddings))

    // Every row is another's, and each is there once.
    let shuffled = try with(.shuffled).dictionary.embeddings
    let origins = try (0..<words.size(0)).map { row in
      let apart = try (words - shuffled.narrowed(dim: 0, start: row, length: 1)).magnitude().sum([1])
        .doubles()
      return try #require(apart.firstIndex(of: 0))
    }
    #expect(origins.sorted() == Array(origins.indices))
    #expect(origins.enumerated().allSatisfy { $0 != $1 })

    let constant = try with(.constant)
    let added = Set(constant.parameters().map(\.key)).subtracting(try with(.words).parameters().map(\.key))
    #expect(added == ["dictionary.constant"])
    let found = try constant.method.represent(Batch().encoded, ForwardPass())
    #expect(found.intervened != nil && found.attention == nil)
  }

  @Test(arguments: MethodChoice.paper, Fill.allCases)
  func allMethodsStartFromTheSameHead(method: MethodChoice, fill: Fill) throws {
    let baseline = try model(.baseline).state().filter { $0.key.hasPrefix("head.") }
    let other = try model(method, fill: fill).state().filter { $0.key.hasPrefix("head.") }
    #expect(baseline.keys.sorted() == other.keys.sorted())
    #expect(!baseline.isEmpty)
    for (key, tensor) in baseline { #expect(try tensor.isEqual(to: #require(other[key])), "\(key)") }
  }

  @Test func bothInterveningMethodsStartFromTheSameIntervention() throws {
    let one = try model(.mcdrl).state().filter { $0.key.hasPrefix("method.intervention.") }
    let two = try model(.withoutRegionSelection).state().filter { $0.key.hasPrefix("method.intervention.") }
    #expect(!one.isEmpty && one.keys == two.keys)
    for (key, tensor) in one { #expect(try tensor.isEqual(to: #require(two[key])), "\(key)") }
  }

  @Test func anotherSeedGivesAnotherHead() throws {
    let key = "head.grid_proj.weight"
    let one = try #require(try model(.baseline, seed: 1).state()[key])
    #expect(try !one.isEqual(to: #require(try model(.baseline, seed: 2).state()[key])))
  }

  @Test(arguments: MethodChoice.paper)
  func aMethodHasTheParametersOfItsParts(method: MethodChoice) throws {
    let keys = try model(method, fill: .learned).parameters().map(\.key)
    #expect(keys.contains { $0.hasPrefix("method.intervention.") } == method.traits.intervenes)
    #expect(keys.contains("method.fill") == method.traits.selectsRegions)
    #expect(try !model(method, fill: .zeros).parameters().map(\.key).contains("method.fill"))
  }

  @Test func beforeTheInterventionMCDRLIsTheBaselineBitForBit() throws {
    let baseline = try logits(model(.baseline))
    #expect(try logits(model(.mcdrl), .withoutIntervention).isEqual(to: baseline))
    #expect(try logits(model(.withoutRegionSelection), .withoutIntervention).isEqual(to: baseline))
    #expect(try !logits(model(.mcdrl)).isEqual(to: baseline))
  }

  @Test func withoutInterventionSelectionAloneIsTheBaselineBitForBit() throws {
    #expect(try logits(model(.withoutIntervention)).isEqual(to: logits(model(.baseline))))
  }

  @Test(arguments: MethodChoice.paper, Adjustment.allCases)
  func withOutputScaleZeroAllMethodsAgree(method: MethodChoice, adjustment: Adjustment) throws {
    let other = try model(
      method,
      options: {
        $0.intervention?.outputScale = 0
        $0.intervention?.adjustment = adjustment
      })
    #expect(try difference(logits(other), logits(model(.baseline))) < 1e-4)
    if adjustment != .exact { #expect(try logits(other).isEqual(to: logits(model(.baseline)))) }
  }

  @Test(arguments: [Fill.zeros, .learned])
  func otherFillsDiffer(fill: Fill) throws {
    let features = try logits(model(.withoutIntervention))
    #expect(try difference(logits(model(.withoutIntervention, fill: fill)), features) > 1e-4)
    // All positions selected: nothing is left to fill.
    let all = try model(.withoutIntervention, fill: fill, options: { $0.region?.fraction = 1 })
    #expect(try logits(all).isEqual(to: features))
  }

  @Test(arguments: MethodChoice.paper)
  func shapesAreThoseOfTheSpecification(method: MethodChoice) throws {
    let batch = try Batch()
    let out = try model(method, options: { $0.region?.fraction = 0.3 })(
      images: batch.images, encoded: batch.encoded)
    #expect(out.logits.shape == [2, 1, 64, 64])
    #expect(out.intervened.shape == [2, method.traits.selectsRegions ? 20 : 64, 16])
    #expect(out.representation.score?.shape == (method.traits.selectsRegions ? [2, 64] : nil))
    #expect(try out.image.isEqual(to: batch.encoded.image))
    #expect(try out.logits.isFinite())
  }

  @Test(arguments: MethodChoice.paper, RegionScore.allCases)
  func everyMethodHasARegionScoreWhetherItSelectsOrNot(method: MethodChoice, score: RegionScore) throws {
    let batch = try Batch()
    let net = try model(method, options: { $0.region?.score = score })
    let map = try net.regionScore(batch.encoded)
    #expect(map.shape == [2, 8, 8])
    let used = try net(images: batch.images, encoded: batch.encoded).representation.score
    if let used { #expect(try difference(used.reshaped([2, 8, 8]), map) < 1e-6) }
    #expect((used != nil) == method.traits.selectsRegions)
  }

  @Test(arguments: Fill.allCases)
  func softSelectionChangesTrainingAloneAndTendsToTheHardOne(fill: Fill) throws {
    func output(_ selection: RegionSelecting, _ temperature: Double, training: Bool) throws
      -> SegmentationOutput
    {
      let net = try model(
        .mcdrl, fill: fill,
        options: {
          $0.region?.fraction = 0.3
          $0.region?.selection = selection
          $0.region?.temperature = temperature
        })
      net.train(training)
      let batch = try Batch()
      return try net(images: batch.images, encoded: batch.encoded)
    }
    for training in [false, true] {
      let (hard, soft) = (
        try output(.hard, 0.1, training: training), try output(.soft, 0.1, training: training)
      )
      #expect(soft.intervened.shape == [2, 20, 16])
      #expect(try difference(soft.intervened, hard.intervened) < 1e-5)
      #expect(try soft.logits.isEqual(to: hard.logits) == !training)
    }
    let (hard, cold) = (
      try output(.hard, 0.1, training: true), try output(.soft, 1e-6, training: true)
    )
    #expect(try difference(cold.logits, hard.logits) < 1e-4)
  }

  @Test func softSelectionLetsTheSegmentationLossMoveTheScore() throws {
    /// The gradient at the features of positions that are not selected, where zeros stand.
    func gradient(_ selection: RegionSelecting) throws -> Double {
      let net = try model(
        .withoutIntervention, fill: .zeros,
        options: {
          $0.region?.selection = selection
          $0.region?.temperature = 0.2
        })
      net.train()
      let batch = try Batch()
      let dense = try batch.encoded.dense.requireGradient()
      let hardly = EncodedImages(dense: dense, image: batch.encoded.image, layers: [])
      try net(images: batch.images, encoded: hardly).logits.power(2).mean().backward()
      let selected = try net.regionScore(hardly).detached().flattened(from: 1)
        .sorted(dim: 1, descending: true).indices.narrowed(dim: 1, start: 32, length: 32)
      let moved = try #require(try dense.gradient()).reshaped([2, 64, 16]).magnitude().sum([-1])
      return try moved.gathered(dim: 1, index: selected).sum().item()
    }
    #expect(try gradient(.hard) == 0)
    #expect(try gradient(.soft) > 0)
  }

  @Test(arguments: MethodChoice.paper)
  func theRepresentationIsWhatTheForwardPassMakes(method: MethodChoice) throws {
    let (model, batch) = (try model(method), try Batch())
    let found = try model.method.represent(batch.encoded, ForwardPass())
    let off = try model(images: batch.images, encoded: batch.encoded, .withoutIntervention).intervened
    let on = try model(images: batch.images, encoded: batch.encoded).intervened
    #expect(try found.observed.isEqual(to: off))
    #expect(
      (found.intervened != nil) == method.traits.intervenes
        && (found.attention != nil) == method.traits.intervenes)
    guard let intervened = found.intervened, let attention = found.attention else { return }
    #expect(try intervened.isEqual(to: on) && !intervened.isEqual(to: off))
    #expect(try attention.shape == found.observed.shape.dropLast() + [model.dictionary.embeddings.size(0)])
    #expect(try (attention.sum([-1]) - 1).magnitude().max([0, 1]).item() < 1e-5)
  }

  @Test(arguments: [[], [4], [4, 8], [4, 8, 8, 8, 8, 8]], [[], [3], [3, 6]])
  func anyDepthOfTheHeadGivesLogitsOfTheImagesSize(widths: [Int], layers: [Int]) throws {
    let net = try model(.mcdrl) {
      $0.head.detailWidths = widths
      $0.head.towerLayers = layers
    }
    for side in [64, 72] {
      let batch = try Batch(side: side, layers: layers)
      let out = try net(images: batch.images, encoded: batch.encoded)
      #expect(out.logits.shape == [2, 1, side, side])
      #expect(try out.logits.isFinite())
    }
  }

  @Test func theGridReachesTheLogitsWhateverItsStride() throws {
    for stride in [1, 2, 8, 16, 32] {
      let net = try SegmentationModel(
        model(.baseline).configuration, text: someText(width: 16), towerWidths: [], gridStride: stride,
        seed: 1
      )
      net.train(false)
      let batch = try Batch(stride: stride)
      let other = EncodedImages(dense: try -batch.encoded.dense, image: batch.encoded.image, layers: [])
      let one = try net(images: batch.images, encoded: batch.encoded).logits
      #expect(one.shape == [2, 1, 64, 64])
      #expect(try difference(one, net(images: batch.images, encoded: other).logits) > 1e-4)
    }
  }

  @Test func everyParameterOfMCDRLGetsAGradient() throws {
    let net = try model(.mcdrl, fill: .learned)
    net.train()
    try net.requireGradients(true)
    let batch = try Batch()
    let out = try net(images: batch.images, encoded: batch.encoded)
    try (out.logits.power(2).mean() + out.intervened.power(2).mean()).backward()
    for parameter in net.parameters() {
      #expect(try parameter.tensor.gradient()?.isFinite() == true, "\(parameter.key)")
    }
  }

  /// Widths below 16 once made oneDNN's backward pass of the strided shortcut write past its memory.
  @Test(arguments: [[4, 4], [4, 16], [8, 16], [12, 16], [16, 32]])
  func narrowHeadsCanBeTrained(widths: [Int]) throws {
    let net = try model(.baseline) { $0.head.detailWidths = widths }
    net.train()
    try net.requireGradients(true)
    let batch = try Batch()
    for _ in 0..<5 {
      try net(images: batch.images, encoded: batch.encoded).logits.power(2).mean().backward()
    }
    for parameter in net.parameters() {
      #expect(try parameter.tensor.gradient()?.isFinite() == true, "\(parameter.key)")
    }
  }

  @Test func theInterventionTakesThePriorOfTheDictionary() throws {
    let net = try model(.mcdrl, options: { $0.intervention?.adjustment = .prior })
    let before = try logits(net)
    try net.dictionary.setPrior(Tensor([0.97, 0.01, 0.01, 0.01] as [Float]))
    #expect(try difference(logits(net), before) > 1e-6)
  }

  @Test func wrongShapesAreRefused() throws {
    let batch = try Batch()
    let net = try model(.mcdrl)
    let narrow = EncodedImages(
      dense: try .seeded([2, 8, 8, 12], 1), image: batch.encoded.image, layers: [])
    let flat = EncodedImages(dense: try .seeded([2, 64, 16], 1), image: batch.encoded.image, layers: [])
    let fewer = EncodedImages(dense: try .seeded([1, 8, 8, 16], 1), image: batch.encoded.image, layers: [])
    for encoded in [narrow, flat, fewer] {
      #expect(throws: TorchError.self) { try net(images: batch.images, encoded: encoded) }
    }
    #expect(throws: TorchError.self) {
      try net(images: .zeros([2, 1, 64, 64]), encoded: batch.encoded)
    }
  }

  @Test(arguments: [0, -0.5, 1.01, .nan])
  func aFractionOutsideItsRangeIsRefused(fraction: Double) {
    #expect {
      try model(.mcdrl, options: { $0.region?.fraction = fraction })
    } throws: {
      "\($0)".contains("model.options.region.fraction")
    }
  }

  @Test func impossibleSettingsOfTheHeadAreNamed() throws {
    func head(stride: Int = 1, layers: [Int] = []) throws -> SegmentationHead {
      var configuration = HeadConfiguration()
      (configuration.detailStride, configuration.towerLayers) = (stride, layers)
      return try SegmentationHead(
        configuration, featureWidth: 16, towerWidths: [7, 7], gridStride: 2, generator: Generator(seed: 0))
    }
    #expect(throws: HeadError.detailStride(3)) { try head(stride: 3) }
    for layer in [0, 3] {
      #expect(throws: HeadError.towerLayer(layer, count: 2)) { try head(layers: [layer]) }
    }
  }

  @Test func theHeadAgreesWithPyTorch() throws {
    let fixture = try Fixture("head")
    var configuration = HeadConfiguration()
    configuration.detailWidths = [4, 8]
    configuration.gridWidth = 6
    configuration.towerLayers = [3]
    let head = try SegmentationHead(
      configuration, featureWidth: 16, towerWidths: [7, 7, 10], gridStride: 2, generator: Generator(seed: 0))
    try head.load(fixture.parameters, from: "method.safetensors")
    head.train(false)
    let out = try head(image: fixture["image"], grid: fixture["grid"], tower: [fixture["tower"]])
    #expect(try difference(out, fixture["logits"]) < 1e-5)
  }
}
