import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct MixStyleTests {
  @Test func mixedFeaturesEqualPyTorchs() throws {
    let fixture = try Fixture("mixstyle", in: "peers")
    let style = MixStyle.Style(partners: try fixture["partners"], share: try fixture["share"])
    #expect(try difference(style.mixed(fixture["x"], positions: [2, 3]), fixture["mixed"]) < 1e-4)
    // The same with channels last, as towers give them.
    let last = try style.mixed(fixture["x"].permuted([0, 2, 3, 1]), positions: [1, 2])
    #expect(try difference(last.permuted([0, 3, 1, 2]), fixture["mixed"]) < 1e-4)
  }

  @Test func theOutputHasTheMixedMeanAndDeviation() throws {
    let x = try Tensor.seeded([2, 3, 16, 16], 4) * Tensor([2, 0.5] as [Float], shape: [2, 1, 1, 1]) + 1
    let style = MixStyle.Style(
      partners: try Tensor([1, 0]), share: try Tensor([0.3, 0.3] as [Float], shape: [2, 1, 1, 1]))
    let mixed = try style.mixed(x, positions: [2, 3])
    let (means, mixedMeans) = (try x.mean([2, 3]), try mixed.mean([2, 3]))
    #expect(try difference(mixedMeans, means * 0.3 + means.flipped([0]) * 0.7) < 1e-5)
    let deviations = try x.variance([2, 3]).squareRoot()
    let mixedDeviations = try mixed.variance([2, 3]).squareRoot()
    #expect(try difference(mixedDeviations, deviations * 0.3 + deviations.flipped([0]) * 0.7) < 1e-4)
  }

  @Test func statisticsCarryNoGradient() throws {
    let x = try Tensor.seeded([2, 1, 2, 2], 4).requireGradient()
    let style = MixStyle.Style(partners: try Tensor([1, 0]), share: try .full([2, 1, 1, 1], 0.5))
    try style.mixed(x, positions: [2, 3]).sum().backward()
    let deviation = try (x.detached().variance([2, 3], keepDimensions: true) + 1e-6).squareRoot()
    let expected = try ((deviation + deviation.flipped([0])) * 0.5 / deviation).expanded(to: x.shape)
    #expect(try difference(#require(try x.gradient()), expected.contiguous()) < 1e-4)
  }

  @Test func itMixesAtTheTowersOutputsAndTheFirstTwoLevelsInHalfOfTheSteps() throws {
    let method = try some(MixStyle.self)
    let encoded = EncodedImages(
      dense: try .seeded([4, 3, 3, 6], 1), image: try .seeded([4, 6], 2),
      layers: [try .seeded([4, 3, 3, 5], 3)])
    var (mixed, detailed) = (0, 0)
    for seed in 0..<200 {
      let pass = try somePass([0, 0, 1, 1], UInt64(seed))
      let out = try method.features(encoded, pass)
      #expect(try out.image.isEqual(to: encoded.image))
      let changed = try !out.dense.isEqual(to: encoded.dense)
      #expect(try changed == !out.layers[0].isEqual(to: encoded.layers[0]))
      mixed += changed ? 1 : 0
      let detail = try Tensor.seeded([4, 2, 3, 3], 9)
      detailed += try method.detail(detail, level: 1, pass).isEqual(to: detail) ? 0 : 1
      #expect(try method.detail(detail, level: 2, pass).isEqual(to: detail))
    }
    #expect((70...130).contains(mixed) && (70...130).contains(detailed))
    let never = try some(MixStyle.self) { $0.probability = 0 }
    #expect(try never.features(encoded, somePass([0, 0, 1, 1])).dense.isEqual(to: encoded.dense))
  }

  @Test func betaDrawsHaveTheDistributionsMeanAndVariance() throws {
    let draws = try Tensor.randomBeta([20_000], parameter: 0.1, generator: Generator(seed: 8)).to(.float64)
    #expect(abs(try draws.mean().item() - 0.5) < 0.01)
    // 1 / (4 (2 α + 1))
    #expect(abs(try draws.variance([0]).item() - 1 / 4.8) < 0.005)
  }

  @Test func aSettingOutOfRangeIsNamed() throws {
    let text = message { _ = try some(MixStyle.self) { $0.probability = 2 } }
    #expect(text.contains("model.options.probability") && text.contains("from 0.0 to 1.0"), "\(text)")
  }
}
