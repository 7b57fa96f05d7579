import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

/// A network with one way of summing over confounders.
private struct Adjusted {
  let network: CausalIntervention
  let adjustment: Adjustment

  func callAsFunction(
    _ features: Tensor, _ entries: ConfounderEntries, image: Tensor? = nil
  ) throws -> Intervened {
    try network(features, entries, adjustment: adjustment, image: image)
  }
}

/// A network of width 16; the same seed gives the same weights whatever the adjustment.
private func network(
  _ adjustment: Adjustment = .attention, inner: Int? = nil, depth: Int = 2, outputScale: Double = 1,
  evidence: Double = 0, seed: UInt64 = 5
) throws -> Adjusted {
  Adjusted(
    network: try CausalIntervention(
      width: 16, innerWidth: inner, depth: depth, heads: 4, outputScale: outputScale, evidence: evidence,
      generator: Generator(seed: seed)), adjustment: adjustment)
}

private func dictionary(_ count: Int = 5, prior: [Double]? = nil) throws -> ConfounderEntries {
  try ConfounderEntries(
    embeddings: .seeded([count, 16], 6).normalized(), prior: prior.map { try Tensor($0.map(Float.init)) })
}

private let skewed = [0.1, 0.4, 0.2, 0.25, 0.05]

@Suite struct CausalInterventionTests {
  let features: Tensor

  init() throws { features = try .seeded([2, 7, 16], 7) }

  @Test(arguments: Adjustment.allCases, [nil, 8, 24] as [Int?])
  func withOutputScaleZeroTheNetworkIsTheIdentity(adjustment: Adjustment, inner: Int?) throws {
    let net = try network(adjustment, inner: inner, outputScale: 0)
    let out = try net(features, dictionary(prior: skewed)).features
    // The exact adjustment adds up P(z)·F, which rounds; one pass adds zeros to F, which does not.
    if adjustment == .exact {
      #expect(try difference(out, features) < 1e-6)
    } else {
      #expect(try out.isEqual(to: features))
    }
  }

  @Test(arguments: [nil, 8] as [Int?])
  func withAUniformPriorAdjustingByThePriorChangesNothing(inner: Int?) throws {
    let plain = try network(.attention, inner: inner)(features, dictionary()).features
    let adjusted = try network(.prior, inner: inner)(features, dictionary()).features
    #expect(try difference(plain, adjusted) < 1e-5)
    #expect(try difference(plain, features) > 0.01)
    #expect(
      try difference(plain, network(.prior, inner: inner)(features, dictionary(prior: skewed)).features)
        > 1e-3)
  }

  @Test(arguments: [nil, 8] as [Int?])
  func withOneConfounderAllAdjustmentsAgree(inner: Int?) throws {
    let single = try dictionary(1)
    let plain = try network(.attention, inner: inner)(features, single).features
    #expect(try network(.exact, inner: inner)(features, single).features.isEqual(to: plain))
    #expect(try difference(network(.prior, inner: inner)(features, single).features, plain) < 1e-6)
  }

  @Test(arguments: 0..<3)
  func whenOneConfounderIsCertainTheExactSumIsThePassWithIt(index: Int) throws {
    var prior = [1e-9, 1e-9, 1e-9]
    prior[index] = 1
    let all = try dictionary(3, prior: prior)
    let only = try ConfounderEntries(
      embeddings: all.embeddings.narrowed(dim: 0, start: index, length: 1))
    let expected = try network(.attention)(features, only).features
    #expect(try difference(network(.exact)(features, all).features, expected) < 1e-5)
    // With log P(z) in the logits the softmax too sees that one only.
    #expect(try difference(network(.prior)(features, all).features, expected) < 1e-5)
  }

  @Test func theExactSumIsTheMeanOfThePassesUnderThePrior() throws {
    let all = try dictionary(prior: skewed)
    let net = try network(.attention)
    var expected = try features.zerosLike()
    for (index, weight) in skewed.enumerated() {
      let single = try all.embeddings.narrowed(dim: 0, start: index, length: 1)
      expected = try expected + net(features, ConfounderEntries(embeddings: single)).features * weight
    }
    #expect(try difference(network(.exact)(features, all).features, expected) < 1e-5)
  }

  @Test(arguments: Adjustment.allCases)
  func theOrderOfTheDictionaryDoesNotMatter(adjustment: Adjustment) throws {
    let all = try dictionary(prior: skewed)
    let order = try Tensor([3, 0, 4, 1, 2])
    let shuffled = try ConfounderEntries(
      embeddings: all.embeddings.indexed(order), prior: all.prior.indexed(order))
    let net = try network(adjustment)
    #expect(try difference(net(features, all).features, net(features, shuffled).features) < 1e-5)
    let map = try net(features, all).attention
    #expect(try difference(map.indexed(order, dim: 2), net(features, shuffled).attention) < 1e-5)
  }

  @Test(arguments: Adjustment.allCases, [nil, 8] as [Int?])
  func attentionMapsSumToOne(adjustment: Adjustment, inner: Int?) throws {
    let map = try network(adjustment, inner: inner)(features, dictionary(prior: skewed)).attention
    #expect(map.shape == [2, 7, 5])
    #expect(try map.min([0, 1, 2]).item() > 0)
    #expect(try difference(map.sum([-1]), .ones([2, 7])) < 1e-6)
  }

  @Test func theImageIsEvidenceForTheConfounderItIsNear() throws {
    let (all, plain) = (try dictionary(), try network())
    let net = try network(evidence: 20)
    let image = try all.embeddings.narrowed(dim: 0, start: 3, length: 1) * 7
    let images = try Tensor.concatenated([image, .ones([1, 16])], dim: 0)
    let (with, without) = (try net(features, all, image: images), try plain(features, all))
    let gain = try (with.attention - without.attention).selected(dim: 0, index: 0).mean([0]).doubles()
    #expect(gain[3] > 0.3 && gain.indices.max { gain[$0] < gain[$1] } == 3)
    // Without an image the network is the one without evidence.
    #expect(try net(features, all).features.isEqual(to: without.features))
    #expect(net.network.parameters().map(\.key).contains("evidence_scale"))
  }

  @Test func exactlyAdjustedTheWeightsAreThePriorAtEveryPosition() throws {
    let map = try network(.exact)(features, dictionary(prior: skewed)).attention
    #expect(try difference(map, Tensor(skewed.map(Float.init)).expanded(to: [2, 7, 5])) < 1e-6)
    #expect(try difference(map, network(.attention)(features, dictionary(prior: skewed)).attention) > 0.01)
  }

  @Test func positionsAreIntervenedOnOneByOne() throws {
    let net = try network()
    let part = try net(features.narrowed(dim: 1, start: 2, length: 3), dictionary()).features
    #expect(
      try difference(part, net(features, dictionary()).features.narrowed(dim: 1, start: 2, length: 3)) < 1e-5)
  }

  /// Each layer has six matrices of 1024², their biases and three normalisations: 6,303,744 numbers.
  ///
  /// The paper's table says 12.4, 24.9 and 37.5 M for depth 1, 3 and 5: the same 6.25 M for each further layer, and
  /// about one layer more in all than the layers themselves hold; ours has 6.3, 18.9 and 31.5 M.
  @Test(arguments: [1, 3])
  func aLayerOfWidth1024HasSixSquareMatrices(depth: Int) throws {
    let net = try CausalIntervention(
      width: 1024, depth: depth, heads: 16, outputScale: 0.1,
      generator: Generator(seed: 0))
    let parameters = net.parameters()
    #expect(
      parameters.map(\.tensor.count).reduce(0, +) == depth * (6 * 1024 * 1024 + 6 * 1024 + 3 * 2 * 1024))
    let matrices = parameters.map(\.tensor).filter { $0.rank == 2 }
    #expect(matrices.map(\.count).reduce(0, +) == depth * 6 * 1024 * 1024)
  }

  @Test func parametersCarryTheirCheckpointKeys() throws {
    let layer = [
      "norm", "dictionary_norm", "q_proj", "k_proj", "v_proj", "out_proj", "mlp_norm", "mlp.fc1", "mlp.fc2",
    ]
    let keys = (0..<2).flatMap { index in
      layer.flatMap { ["layers.\(index).\($0).weight", "layers.\(index).\($0).bias"] }
    }
    #expect(try network().network.parameters().map(\.key) == keys)
    #expect(
      try network(inner: 8).network.parameters().map(\.key) == ["input.weight", "input.bias"] + keys + [
        "output.weight", "output.bias",
      ])
  }

  private static let divisor = "a divisor of the intervention's width 16"

  @Test(arguments: [
    (3, 2, MethodError.option(name: "intervention.heads", value: "3", wanted: divisor)),
    (0, 2, .option(name: "intervention.heads", value: "0", wanted: divisor)),
    (4, 0, .option(name: "intervention.depth", value: "0", wanted: "at least 1")),
  ])
  func impossibleSizesAreRefused(heads: Int, depth: Int, error: MethodError) {
    #expect(throws: error) {
      try CausalIntervention(
        width: 16, depth: depth, heads: heads, outputScale: 1,
        generator: Generator(seed: 0))
    }
  }

  @Test func wrongShapesAreRefused() throws {
    let net = try network()
    #expect(throws: TorchError.self) { try net(.zeros([2, 7, 12]), dictionary()) }
    #expect(throws: TorchError.self) { try net(.zeros([7, 16]), dictionary()) }
    #expect(throws: TorchError.self) {
      try net(features, ConfounderEntries(embeddings: .zeros([5, 12])))
    }
  }

  @Test(arguments: Adjustment.allCases, [nil, 8] as [Int?])
  func gradientsAgreeWithFiniteDifferences(adjustment: Adjustment, inner: Int?) throws {
    let net = try network(adjustment, inner: inner)
    let x = try features.copy()
    let z = try dictionary(3).embeddings.copy()
    let prior = try Tensor([0.2, 0.5, 0.3] as [Float])
    let weights = try Tensor.seeded([2, 7, 16], 8).to(.float64)
    func loss() throws -> Tensor {
      try (net(x, ConfounderEntries(embeddings: z, prior: prior)).features.to(.float64) * weights).sum()
    }

    let named =
      net.network.parameters() + [.init(key: "features", tensor: x), .init(key: "dictionary", tensor: z)]
    for each in named { try each.tensor.requireGradient() }
    try loss().backward()
    for (index, each) in named.enumerated() {
      let gradient = try #require(try each.tensor.gradient(), "\(each.key) has no gradient")
      let size = try gradient.power(2).sum().squareRoot().item()
      let random = try Tensor.seeded(each.tensor.shape, UInt64(100 + index))
      let directions = size > 1e-4 ? [gradient, random] : [random]
      for raw in directions {
        let direction = try raw / raw.power(2).sum().squareRoot()
        let expected = try (gradient * direction).sum().item()
        let origin = try each.tensor.detached().copy()
        let step = 4e-3
        func value(_ factor: Double) throws -> Double {
          try withoutGradients {
            try each.tensor.assign(origin + direction * factor)
            return try loss().item()
          }
        }
        let slope = try (value(step) - value(-step)) / (2 * step)
        try withoutGradients { _ = try each.tensor.assign(origin) }
        #expect(abs(slope - expected) < 2e-3 + 5e-3 * size, "\(each.key): \(slope), not \(expected)")
      }
    }
  }

  @Test(arguments: ["intervention", "projected"])
  func outcomesAgreeWithPyTorch(part: String) throws {
    let fixture = try Fixture(part)
    let inner = part == "projected" ? 8 : nil
    let all = try ConfounderEntries(embeddings: fixture["dictionary"], prior: fixture["prior"])
    let expected: [(Adjustment, String, Tensor)] = [
      (.attention, "attention", try fixture["attention_map"]),
      (.prior, "prior_adjusted", try fixture["prior_map"]),
      (.exact, "exact", try all.prior.expanded(to: fixture["attention_map"].shape)),
    ]
    for (adjustment, outcome, map) in expected {
      let net = try network(adjustment, inner: inner)
      try net.network.load(fixture.parameters, from: "method.safetensors")
      #expect(
        try difference(net(fixture["features"], all).features, fixture[outcome]) < 1e-5, "\(adjustment)")
      #expect(try difference(net(fixture["features"], all).attention, map) < 1e-5, "\(adjustment)")
    }
  }
}
