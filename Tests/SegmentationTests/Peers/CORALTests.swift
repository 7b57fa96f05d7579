@testable import Segmentation
import Testing
import TestSupport
import Torch

@Suite struct CORALTests {
  @Test func distanceAndGradientsEqualPyTorchs() throws {
    let fixture = try Fixture("coral", in: "peers")
    let sites = try (0..<3).map { try fixture["site\($0)"].requireGradient() }
    let distance = try #require(try CORAL.distance(sites))
    #expect(try difference(distance, fixture["loss"]) < 1e-4)
    try distance.backward()
    for (index, site) in sites.enumerated() {
      #expect(try difference(#require(try site.gradient()), fixture["gradient\(index)"]) < 1e-4)
    }
  }

  @Test func aCaseByHand() throws {
    // Means 0 and 3; variances 2 and 8.
    let sites = [
      try Tensor([-1, 1] as [Float], shape: [2, 1]), try Tensor([1, 5] as [Float], shape: [2, 1]),
    ]
    #expect(try CORAL.distance(sites)?.item() == 9 + 36)
    #expect(try CORAL.distance([sites[0], sites[0]])?.item() == 0)
    #expect(try CORAL.distance([sites[0]]) == nil)
  }

  @Test func thePenaltyIsOverPositionsOrPooledImages() throws {
    let features = try Tensor.seeded([5, 4, 3, 3], 6)
    let (output, batch) = (try someOutput(features: features), try someBatch(sites: [1, 0, 1, 2, 0]))
    func expected(_ rows: (Tensor) throws -> Tensor, sites: [[Int]]) throws -> Tensor? {
      try CORAL.distance(sites.map { try rows(features.indexed(Tensor($0))) })
    }
    let positions = try expected(
      { try $0.permuted([0, 2, 3, 1]).reshaped([-1, 4]) }, sites: [[1, 4], [0, 2], [3]])
    let found = try #require(try onlyTerm("alignment", some(CORAL.self) { $0.weight = 2 }, output, batch))
    #expect(try difference(found.value, #require(positions)) < 1e-5 && found.weight == 2)
    // Site 2 has one image, which has no covariance.
    let pooled = try expected({ try $0.mean([2, 3]) }, sites: [[1, 4], [0, 2]])
    let images = try #require(try onlyTerm("alignment", some(CORAL.self) { $0.pooled = true }, output, batch))
    #expect(try difference(images.value, #require(pooled)) < 1e-5 && images.weight == 1)
  }

  @Test func aBatchOfOneSiteHasNoPenalty() throws {
    let output = try someOutput(features: .seeded([2, 4, 3, 3], 6))
    #expect(try some(CORAL.self).losses(output, someBatch(sites: [1, 1])).isEmpty)
  }
}
