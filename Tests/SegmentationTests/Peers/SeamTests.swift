import Testing
import TestSupport
import Torch

@testable import Segmentation

/// Changes what each hook is given, and records the calls.
private final class Recorder: SegmentationMethod, ConfigurableMethod {
  static let name = "recorder"
  static let summary = "records the calls of its hooks"
  private(set) var calls: [String] = []

  init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }

  override func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages {
    calls.append("features")
    return try encoded.map { try $0 + 1 }
  }
  override func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    calls.append("represent")
    let found = try super.represent(encoded, pass)
    return found.withGrid(try found.grid * 2)
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
  configuration.method = try MethodRegistry.builtIn.adding(Recorder.self).method(named: method)
  configuration.head.towerLayers = layers
  configuration.head.detailWidths = detail
  configuration.head.gridWidth = 6
  let textEncoder = configuration.method.traits.needsTextTower ? try someTextEncoder() : nil
  let model = try SegmentationModel(
    configuration, text: someText(width: 6), textEncoder: textEncoder, towerWidths: towerWidths,
    gridStride: 4, siteCount: 3, seed: 9)
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
  /// The peers that change what the head reads also after training.
  private static let gates = ["medclipseg", "causalclipseg"]

  @Test func theHooksComeInTheirOrderAndAfterTrainingTheRepresentationAloneIs() throws {
    let baseline = try someModel("baseline")
    let plain = try baseline(images: images.get(), encoded: encoded(baseline))
    let model = try someModel("recorder")
    let recorder = try #require(model.method as? Recorder)
    let pass = ForwardPass(training: try somePass([0, 1]))
    let trained = try model(images: images.get(), encoded: encoded(model), pass)
    #expect(recorder.calls == ["features", "represent", "detail 0", "detail 1", "detail 2"])
    #expect(try difference(trained.image, plain.image + 1) < 1e-6)
    let used = try model(images: images.get(), encoded: encoded(model))
    #expect(recorder.calls.dropFirst(5) == ["represent"])
    #expect(try difference(used.representation.grid, plain.representation.grid * 2) < 1e-6)
    #expect(try difference(used.logits, plain.logits) > 0)
  }

  @Test(arguments: MethodChoice.peers.map(\.name))
  func afterTrainingAPeerIsDeterministicAndNotMixed(name: String) throws {
    let model = try someModel(name)
    let first = try model(images: images.get(), encoded: encoded(model)).logits
    #expect(try first.isEqual(to: model(images: images.get(), encoded: encoded(model)).logits))
    #expect(first.shape == [2, 1, 16, 16])
    if !model.configuration.method.traits.replacesHead, !Self.gates.contains(name) {
      // The same head as the baseline's, which nothing changes before training.
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
    configuration.method = MethodChoice(CLIPSeg.self)
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

  @Test func everyPeerIsDescribed() throws {
    #expect(MethodChoice.peers.count == 17)
    for peer in MethodChoice.peers {
      #expect(!peer.name.isEmpty && !peer.summary.isEmpty && peer.reference.contains("20"), "\(peer.name)")
      #expect(try MethodRegistry.builtIn.method(named: peer.name) == peer)
    }
    #expect(Set(MethodRegistry.builtIn.names).count == MethodRegistry.builtIn.names.count)
  }
}
