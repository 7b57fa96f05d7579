import Foundation
import Testing
import TestSupport
import Torch

@testable import Segmentation

/// MIRO and the dropping of features.
@Suite struct KeepingTests {
  @Test func theDistanceIsAGaussiansLikelihood() throws {
    let (tuned, first) = (try Tensor.seeded([2, 3, 3, 4], 1), try Tensor.seeded([2, 3, 3, 4], 2))
    let variance = try Tensor([0.1, 0.5, 1, 2] as [Float])
    let found = try MIRO.distance(tuned: tuned, pretrained: first, variance: variance).item()
    let (a, b, v) = (try tuned.floats(), try first.floats(), try variance.floats())
    let terms = a.indices.map { log(v[$0 % 4]) + (a[$0] - b[$0]) * (a[$0] - b[$0]) / v[$0 % 4] }
    #expect(abs(found - Double(terms.reduce(0, +) / Float(a.count))) < 1e-5)
  }

  @Test func nearerFeaturesHaveASmallerDistanceAndNoGradientReachesTheFirstTower() throws {
    let first = try Tensor.seeded([1, 2, 2, 3], 2).requireGradient()
    let tuned = try Tensor.seeded([1, 2, 2, 3], 1).requireGradient()
    let variance = try Tensor.full([3], 0.5)
    let far = try MIRO.distance(tuned: tuned, pretrained: first, variance: variance)
    let near = try MIRO.distance(tuned: first, pretrained: first, variance: variance)
    #expect(try near.item() < far.item())
    try far.backward()
    #expect(try tuned.gradient() != nil && first.gradient() == nil)
  }

  @Test func anImageLosesTheTowerOrTheImageBranchOrNothing() throws {
    let method = try some(FeatureDrop.self) { ($0.tower, $0.image) = (0.3, 0.5) }
    let count = 2000
    let pass = try somePass(Array(repeating: 0, count: count))
    let encoded = EncodedImages(
      dense: try .ones([count, 1, 1, 2]), image: try .ones([count, 2]), layers: [try .ones([count, 2, 2, 1])])
    let kept = try method.features(encoded, pass)
    let branch = try method.detail(.ones([count, 3, 2, 2]), level: 1, pass)
    let tower = try kept.dense.mean([1, 2, 3]).floats()
    let image = try branch.mean([1, 2, 3]).floats()
    #expect(Set(tower + image) == [0, 1])
    #expect(try kept.layers[0].mean([1, 2, 3]).floats() == tower)
    #expect(!zip(tower, image).contains { $0 == 0 && $1 == 0 })
    func share(_ values: [Float]) -> Double { Double(values.count { $0 == 0 }) / Double(count) }
    #expect(abs(share(tower) - 0.3) < 0.05 && abs(share(image) - 0.5) < 0.05)
    // Each step draws anew.
    _ = try method.features(encoded, somePass(pass.sites, 4))
    #expect(try method.detail(.ones([count, 3, 2, 2]), level: 1, pass).mean([1, 2, 3]).floats() != image)
  }
}
