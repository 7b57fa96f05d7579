import Foundation
import Testing
import TestSupport
import Torch

@testable import Segmentation

/// IRM, Group DRO and DANN.
@Suite struct SitePenaltyTests {
  @Test func invariantRiskEqualsPyTorchsSecondDerivative() throws {
    let fixture = try Fixture("irm", in: "peers")
    let logits = try fixture["logits"].requireGradient()
    let sites = try fixture["sites"].array(of: Int.self)
    let penalty = try IRM.penalty(logits: logits, masks: fixture["masks"], sites: sites)
    #expect(try difference(penalty, fixture["penalty"]) < 1e-6)
    try penalty.backward()
    #expect(try difference(#require(try logits.gradient()), fixture["gradient"]) < 1e-6)
  }

  @Test func invariantRiskWeighsMoreAfterItsStart() throws {
    let fixture = try Fixture("irm", in: "peers")
    let output = try someOutput(features: .zeros([7, 4, 1, 1]), logits: fixture["logits"])
    let sites = try fixture["sites"].array(of: Int.self)
    let method = try some(IRM.self)
    for (progress, weight) in [(0.05, 1.0), (0.1, 100), (0.9, 100)] {
      let batch = try someBatch(sites: sites, masks: fixture["masks"], progress: progress)
      let found = try #require(try onlyTerm("penalty", method, output, batch))
      #expect(try difference(found.value, fixture["penalty"]) < 1e-6 && found.weight == weight)
    }
  }

  @Test func groupDROWeighsSitesByTheirLosses() throws {
    let method = try some(GroupDRO.self) { $0.rate = 0.5 }
    // Site 0: mean 2; site 2: mean 1; site 1 is not in the batch.
    let losses = try Tensor([1, 1, 3] as [Float]).requireGradient()
    let batch = MethodBatch(
      sites: [0, 2, 0], masks: try .zeros([3, 1, 1, 1]), classes: [nil, nil, nil], losses: losses,
      pass: try somePass([0, 2, 0]), progress: 0)
    let found = try #require(try method.segmentation(batch))
    let grown = [exp(1.0), 1, exp(0.5)]
    let weights = grown.map { $0 / grown.reduce(0, +) }
    #expect(try difference(method.weights, Tensor(weights.map(Float.init))) < 1e-6)
    let share = weights[0] / (weights[0] + weights[2])
    #expect(abs(try found.item() - (2 * share + 1 * (1 - share))) < 1e-5)
    try found.backward()
    let expected = try Tensor([share / 2, 1 - share, share / 2].map(Float.init))
    #expect(try difference(#require(try losses.gradient()), expected) < 1e-6)
    #expect(method.state().keys.sorted() == ["weights"] && method.parameters().isEmpty)
  }

  @Test func groupDROAtRateZeroIsTheMeanOverSites() throws {
    let method = try some(GroupDRO.self) { $0.rate = 0 }
    let found = try #require(
      try method.segmentation(someBatch(sites: [0, 1, 1, 2], losses: [3, 1, 2, 6])))
    #expect(abs(try found.item() - (3 + 1.5 + 6) / 3) < 1e-5)
  }

  @Test func theDiscriminatorLearnsWhatTheFeaturesUnlearn() throws {
    let x = try Tensor.seeded([3, 4, 2, 2], 7).requireGradient()
    let kept = try DANN.reversed(x, strength: 0.3)
    #expect(try difference(kept, x) < 1e-6)
    try kept.sum().backward()
    #expect(try difference(#require(try x.gradient()), .full(x.shape, -0.3)) < 1e-6)

    let method = try some(DANN.self) { $0.width = 8 }
    try method.requireGradients(true)
    let batch = try someBatch(sites: [0, 1, 2], progress: 1)
    func loss(_ features: Tensor) throws -> Tensor {
      try #require(try onlyTerm("adversarial", method, someOutput(features: features), batch)).value
    }
    let features = try Tensor.seeded([3, 4, 2, 2], 7).requireGradient()
    let before = try loss(features)
    try before.backward()
    let direction = try #require(try features.gradient())
    // Against its gradient the features raise the discriminator's loss,
    let raised = try loss(features.detached() - direction * 0.1).item()
    #expect(try raised > before.item())
    // the discriminator's own parameters lower it.
    try withoutGradients {
      for parameter in method.parameters() {
        try parameter.tensor.addInPlace(#require(try parameter.tensor.gradient()), scale: -0.1)
      }
    }
    #expect(try loss(features).item() < before.item())
  }

  @Test func atTheStartTheFeaturesAreLeftAlone() throws {
    let method = try some(DANN.self) { $0.width = 8 }
    let features = try Tensor.seeded([2, 4, 2, 2], 7).requireGradient()
    let batch = try someBatch(sites: [0, 1], progress: 0)
    try #require(try onlyTerm("adversarial", method, someOutput(features: features), batch)).value.backward()
    #expect(try #require(try features.gradient()).magnitude().sum().item() == 0)
  }

  @Test(arguments: ["groupdro", "dann"])
  func methodsWithAPartForEverySiteAskForTheSites(name: String) throws {
    let method = try MethodRegistry.builtIn.method(named: name)
    for count in [nil, 0, 1] as [Int?] {
      let text = message { _ = try method.make(someContext(siteCount: count)) }
      #expect(text.contains(name) && text.contains("sources"), "\(text)")
    }
  }
}
