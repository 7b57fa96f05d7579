import Testing
import Torch

@testable import Segmentation

/// What a peer is built from in tests: text of width 6, a tower of two layers, three sites.
func someContext(
  _ name: String, _ options: [String: Double] = [:], featureWidth: Int = 4, siteCount: Int = 3
) throws -> MethodContext {
  var configuration = ModelConfiguration()
  configuration.method = try #require(Method(name))
  configuration.options = options
  return MethodContext(
    text: try someText(width: 6), towerLayers: [1, 2], towerWidths: [5, 7], gridStride: 4,
    featureWidth: featureWidth, siteCount: siteCount, configuration: configuration, seed: 5)
}

/// A batch of some sites with these losses.
func someBatch(
  sites: [Int], losses: [Float]? = nil, masks: Tensor? = nil, progress: Double = 0.5
) throws -> MethodBatch {
  MethodBatch(
    sites: sites, masks: try masks ?? .zeros([sites.count, 1, 4, 4]),
    classes: sites.map { _ in nil }, losses: try Tensor(losses ?? sites.map { _ in 1 }), progress: progress)
}

/// What a model would give, with these features of the head.
func someOutput(features: Tensor, logits: Tensor? = nil) throws -> SegmentationOutput {
  let grid = try Tensor.seeded([features.size(0), 4, 6], 1)
  return SegmentationOutput(
    logits: try logits ?? .zeros([features.size(0), 1, 4, 4]),
    representation: Representation(
      features: grid, observed: grid, intervened: nil, attention: nil, grid: grid, score: nil),
    image: try .seeded([features.size(0), 6], 2), features: features)
}

/// A step's sites and chance.
func somePass(_ sites: [Int], _ seed: UInt64 = 3) throws -> TrainingPass {
  TrainingPass(sites: sites, generator: try Generator(seed: seed))
}

/// The text of the error that a closure throws, empty when it throws none.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

@Suite struct PartnerTests {
  @Test func partnersAreOfAnotherSiteWhereThereIsOneAndNeverTheImageItself() throws {
    let sites = [0, 0, 0, 1, 2, 2]
    var met: Set<[Int]> = []
    for seed in 0..<200 {
      let partners = try Partners.drawn(sites: sites, generator: Generator(seed: UInt64(seed)))
        .array(of: Int.self)
      for (image, partner) in partners.enumerated() {
        #expect(sites[image] != sites[partner])
        met.insert([image, partner])
      }
    }
    // All pairs of images of two sites: 3·3 + 1·5 + 2·4.
    #expect(met.count == 22)
    for seed in 0..<20 {
      let alone = try Partners.drawn(sites: [1, 1, 1], generator: Generator(seed: UInt64(seed)))
      #expect(try zip(alone.array(of: Int.self), 0...).allSatisfy { $0 != $1 })
    }
    #expect(try Partners.drawn(sites: [4], generator: Generator(seed: 1)).array(of: Int.self) == [0])
  }
}
