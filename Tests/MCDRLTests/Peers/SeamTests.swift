import Testing
import Torch

@testable import Segmentation

/// Changes what each hook is given, and counts the calls.
private final class Recorder: SegmentationMethod {
  private(set) var calls: [String] = []

  override func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages {
    calls.append("features")
    return try encoded.map { try $0 + 1 }
  }
  override func grid(_ grid: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    calls.append("grid")
    return try grid * 2
  }
  override func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor {
    calls.append("detail \(level)")
    return features
  }
}

private let towerWidths = [5, 7, 5, 7]

private func someModel(_ method: String, layers: [Int] = [], detail: [Int] = [4, 6, 8]) throws
  -> SegmentationModel
{
  var configuration = ModelConfiguration()
  configuration.method = try #require(Method(method))
  configuration.head.towerLayers = layers
  configuration.head.detailWidths = detail
  configuration.head.gridWidth = 6
  let model = try SegmentationModel(
    configuration, text: someText(width: 6), towerWidths: towerWidths, gridStride: 4, siteCount: 3, seed: 9)
  model.train(false)
  return model
}

private func encoded(_ model: SegmentationModel) throws -> EncodedImages {
  EncodedImages(
    dense: try .seeded([2, 4, 4, 6], 1), image: try .seeded([2, 6], 2),
    layers: try model.towerLayers.map { try .seeded([2, 4, 4, towerWidths[$0 - 1]], UInt64($0)) })
}

private let images = Result { try Tensor.seeded([2, 3, 16, 16], 3) }

@Suite struct SeamTests {
  @Test func theHooksComeInTheirOrderAndAfterTrainingOnlyTheGridIs() throws {
    let model = try someModel("baseline")
    let recorder = try Recorder(someContext("baseline"))
    let plain = try model(images: images.get(), encoded: encoded(model))
    model.plugin = recorder
    let trained = try model(images: images.get(), encoded: encoded(model), training: somePass([0, 1]))
    #expect(recorder.calls == ["features", "grid", "detail 0", "detail 1", "detail 2"])
    #expect(try difference(trained.image, plain.image + 1) < 1e-6)
    let used = try model(images: images.get(), encoded: encoded(model))
    #expect(recorder.calls.dropFirst(5) == ["grid"])
    #expect(try difference(used.representation.grid, plain.representation.grid * 2) < 1e-6)
    #expect(try difference(used.logits, plain.logits) > 0)
  }

  @Test(arguments: MethodCatalog.peers.map { $0.name })
  func afterTrainingAPeerIsDeterministicAndNotMixed(name: String) throws {
    let model = try someModel(name)
    let first = try model(images: images.get(), encoded: encoded(model)).logits
    #expect(try first.isEqual(to: model(images: images.get(), encoded: encoded(model)).logits))
    #expect(first.shape == [2, 1, 16, 16])
    if model.configuration.method.plugin?.replacesHead == false {
      // The same head as the baseline's, which nothing changes.
      let baseline = try SeamTests.logits("baseline")
      #expect(try first.isEqual(to: baseline))
    }
  }

  private static func logits(_ name: String) throws -> Tensor {
    let model = try someModel(name)
    return try model(images: images.get(), encoded: encoded(model)).logits
  }

  @Test func aMethodThatReplacesTheHeadHasNoneAndShowsNoFeatures() throws {
    let clipseg = try someModel("clipseg")
    #expect(!clipseg.parameters().contains { $0.key.hasPrefix("head.") })
    #expect(clipseg.parameters().contains { $0.key.hasPrefix("method.") })
    #expect(try clipseg(images: images.get(), encoded: encoded(clipseg)).features == nil)
  }

  @Test func aMethodsLayersAreAskedForWhereTheHeadNamesNone() throws {
    #expect(try someModel("clipseg").towerLayers == [1, 2, 3])
    #expect(try someModel("clipseg", layers: [4, 2]).towerLayers == [4, 2])
    #expect(try someModel("mixstyle").towerLayers == [])
    #expect(message { _ = try someModel("clipseg", layers: [9]) }.contains("layer 9"))
    var configuration = ModelConfiguration()
    configuration.method = try #require(Method("clipseg"))
    #expect(configuration.towerLayers(depth: 12) == [3, 6, 9])
  }

  @Test(arguments: [([], 6, 4), ([4, 6, 8], 8, 4), ([4, 6, 8, 10], 8, 4)] as [([Int], Int, Int)])
  func theHeadsFeaturesAreThoseOfTheGridsLevel(detail: [Int], width: Int, side: Int) throws {
    let model = try someModel("coral", detail: detail)
    let output = try model(images: images.get(), encoded: encoded(model))
    #expect(try #require(output.features).shape == [2, width, side, side])
    let dann = try self.dann(detail)
    #expect(dann?.shape == [256, width])
  }

  private func dann(_ detail: [Int]) throws -> Tensor? {
    try someModel("dann", detail: detail).state()["method.layers.0.weight"]
  }

  @Test func everyPeerIsDescribed() {
    for peer in MethodCatalog.peers {
      #expect(!peer.name.isEmpty && !peer.summary.isEmpty && peer.reference.contains("20"), "\(peer.name)")
      #expect(Method(peer.name)?.plugin == peer)
    }
    #expect(Set(Method.all.map(\.name)).count == Method.all.count)
  }
}
