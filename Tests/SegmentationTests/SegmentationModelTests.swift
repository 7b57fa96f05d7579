import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite struct SegmentationModelTests {
  @Test func theFourMethodsNameTheirParts() throws {
    #expect(MethodChoice.paper.map(\.name) == ["mcdrl", "baseline", "mcdrl", "mcdrl"])
    #expect(
      try MethodChoice.paper.map { try smallModel($0).method.label } == [
        "mcdrl", "baseline", "no-mtrs", "no-cdrl",
      ])
    #expect(MethodChoice.paper.map(\.traits.selectsRegions) == [true, false, false, true])
    #expect(MethodChoice.paper.map(\.traits.intervenes) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.attends) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.trainsOnInterventions) == [true, false, true, false])
    #expect(MethodChoice.paper.map(\.traits.needsClasses) == [true, false, true, true])
  }

  @Test("With the keys of the tower the head reads the last four layers unless it names others")
  func keys() throws {
    let model = try smallModel(.baseline) { $0.dense = "keys" }
    #expect(model.towerLayers == [3, 4, 5, 6] && model.head?.towerNorms.count == 4)
    let logits = try model(
      images: ModelBatch().images, encoded: ModelBatch(layers: model.towerLayers).encoded
    ).logits
    #expect(logits.shape == [2, 1, 64, 64])
    let named = try smallModel(.mcdrl) { ($0.dense, $0.head.towerLayers) = ("keys", [2]) }
    #expect(named.towerLayers == [2] && named.head?.towerNorms.count == 1)
    #expect(try smallModel(.baseline).towerLayers.isEmpty)
  }

  @Test func controlsReplaceTheDictionaryAndNothingElse() throws {
    func with(_ source: DictionarySource, seed: UInt64 = 9) throws -> SegmentationModel {
      try smallModel(.mcdrl, seed: seed, options: { $0.intervention?.dictionary = source })
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
    let found = try constant.method.represent(ModelBatch().encoded, ForwardPass())
    #expect(found.intervened != nil && found.attention == nil)
  }

  @Test(arguments: MethodChoice.paper, Fill.allCases)
  func allMethodsStartFromTheSameHead(method: MethodChoice, fill: Fill) throws {
    let baseline = try smallModel(.baseline).state().filter { $0.key.hasPrefix("head.") }
    let other = try smallModel(method, fill: fill).state().filter { $0.key.hasPrefix("head.") }
    #expect(baseline.keys.sorted() == other.keys.sorted())
    #expect(!baseline.isEmpty)
    for (key, tensor) in baseline { #expect(try tensor.isEqual(to: #require(other[key])), "\(key)") }
  }

  @Test func bothInterveningMethodsStartFromTheSameIntervention() throws {
    let one = try smallModel(.mcdrl).state().filter { $0.key.hasPrefix("method.intervention.") }
    let two = try smallModel(.withoutRegionSelection).state().filter {
      $0.key.hasPrefix("method.intervention.")
    }
    #expect(!one.isEmpty && one.keys == two.keys)
    for (key, tensor) in one { #expect(try tensor.isEqual(to: #require(two[key])), "\(key)") }
  }

  @Test func anotherSeedGivesAnotherHead() throws {
    let key = "head.grid_proj.weight"
    let one = try #require(try smallModel(.baseline, seed: 1).state()[key])
    #expect(try !one.isEqual(to: #require(try smallModel(.baseline, seed: 2).state()[key])))
  }

  @Test(arguments: MethodChoice.paper)
  func aMethodHasTheParametersOfItsParts(method: MethodChoice) throws {
    let keys = try smallModel(method, fill: .learned).parameters().map(\.key)
    #expect(keys.contains { $0.hasPrefix("method.intervention.") } == method.traits.intervenes)
    #expect(keys.contains("method.fill") == method.traits.selectsRegions)
    #expect(try !smallModel(method, fill: .zeros).parameters().map(\.key).contains("method.fill"))
  }

  @Test func beforeTheInterventionMCDRLIsTheBaselineBitForBit() throws {
    let baseline = try smallLogits(smallModel(.baseline))
    #expect(try smallLogits(smallModel(.mcdrl), .withoutIntervention).isEqual(to: baseline))
    #expect(try smallLogits(smallModel(.withoutRegionSelection), .withoutIntervention).isEqual(to: baseline))
    #expect(try !smallLogits(smallModel(.mcdrl)).isEqual(to: baseline))
  }

  @Test func withoutInterventionSelectionAloneIsTheBaselineBitForBit() throws {
    #expect(try smallLogits(smallModel(.withoutIntervention)).isEqual(to: smallLogits(smallModel(.baseline))))
  }

  @Test(arguments: MethodChoice.paper, Adjustment.allCases)
  func withOutputScaleZeroAllMethodsAgree(method: MethodChoice, adjustment: Adjustment) throws {
    let other = try smallModel(
      method,
      options: {
        $0.intervention?.outputScale = 0
        $0.intervention?.adjustment = adjustment
      })
    #expect(try difference(smallLogits(other), smallLogits(smallModel(.baseline))) < 1e-4)
    if adjustment != .exact {
      #expect(try smallLogits(other).isEqual(to: smallLogits(smallModel(.baseline))))
    }
  }

  @Test(arguments: [Fill.zeros, .learned])
  func otherFillsDiffer(fill: Fill) throws {
    let features = try smallLogits(smallModel(.withoutIntervention))
    #expect(try difference(smallLogits(smallModel(.withoutIntervention, fill: fill)), features) > 1e-4)
    // All positions selected: nothing is left to fill.
    let all = try smallModel(.withoutIntervention, fill: fill, options: { $0.region?.fraction = 1 })
    #expect(try smallLogits(all).isEqual(to: features))
  }

  @Test(arguments: MethodChoice.paper)
  func shapesAreThoseOfTheSpecification(method: MethodChoice) throws {
    let batch = try ModelBatch()
    let out = try smallModel(method, options: { $0.region?.fraction = 0.3 })(
      images: batch.images, encoded: batch.encoded)
    #expect(out.logits.shape == [2, 1, 64, 64])
    #expect(out.intervened.shape == [2, method.traits.selectsRegions ? 20 : 64, 16])
    #expect(out.representation.score?.shape == (method.traits.selectsRegions ? [2, 64] : nil))
    #expect(try out.image.isEqual(to: batch.encoded.image))
    #expect(try out.logits.isFinite())
  }

  @Test(arguments: MethodChoice.paper, RegionScore.allCases)
  func everyMethodHasARegionScoreWhetherItSelectsOrNot(method: MethodChoice, score: RegionScore) throws {
    let batch = try ModelBatch()
    let net = try smallModel(method, options: { $0.region?.score = score })
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
      let net = try smallModel(
        .mcdrl, fill: fill,
        options: {
          $0.region?.fraction = 0.3
          $0.region?.selection = selection
          $0.region?.temperature = temperature
        })
      net.train(training)
      let batch = try ModelBatch()
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
      let net = try smallModel(
        .withoutIntervention, fill: .zeros,
        options: {
          $0.region?.selection = selection
          $0.region?.temperature = 0.2
        })
      net.train()
      let batch = try ModelBatch()
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
    let (model, batch) = (try smallModel(method), try ModelBatch())
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

  @Test func everyParameterOfMCDRLGetsAGradient() throws {
    let net = try smallModel(.mcdrl, fill: .learned)
    net.train()
    try net.requireGradients(true)
    let batch = try ModelBatch()
    let out = try net(images: batch.images, encoded: batch.encoded)
    try (out.logits.power(2).mean() + out.intervened.power(2).mean()).backward()
    for parameter in net.parameters() {
      #expect(try parameter.tensor.gradient()?.isFinite() == true, "\(parameter.key)")
    }
  }

  @Test func theInterventionTakesThePriorOfTheDictionary() throws {
    let net = try smallModel(.mcdrl, options: { $0.intervention?.adjustment = .prior })
    let before = try smallLogits(net)
    try net.dictionary.setPrior(Tensor([0.97, 0.01, 0.01, 0.01] as [Float]))
    #expect(try difference(smallLogits(net), before) > 1e-6)
  }

  @Test func wrongShapesAreRefused() throws {
    let batch = try ModelBatch()
    let net = try smallModel(.mcdrl)
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
      try smallModel(.mcdrl, options: { $0.region?.fraction = fraction })
    } throws: {
      "\($0)".contains("model.options.region.fraction")
    }
  }
}
