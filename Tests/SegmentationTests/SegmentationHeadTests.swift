import Testing
import TestSupport
import Torch

@testable import Confounders
@testable import Segmentation

@Suite struct SegmentationHeadTests {
  @Test(arguments: [[], [4], [4, 8], [4, 8, 8, 8, 8, 8]], [[], [3], [3, 6]])
  func anyDepthOfTheHeadGivesLogitsOfTheImagesSize(widths: [Int], layers: [Int]) throws {
    let net = try smallModel(.mcdrl) {
      $0.head.detailWidths = widths
      $0.head.towerLayers = layers
    }
    for side in [64, 72] {
      let batch = try ModelBatch(side: side, layers: layers)
      let out = try net(images: batch.images, encoded: batch.encoded)
      #expect(out.logits.shape == [2, 1, side, side])
      #expect(try out.logits.isFinite())
    }
  }

  @Test func theGridReachesTheLogitsWhateverItsStride() throws {
    for stride in [1, 2, 8, 16, 32] {
      let net = try SegmentationModel(
        smallModel(.baseline).configuration, text: someText(width: 16), towerWidths: [], gridStride: stride,
        seed: 1
      )
      net.train(false)
      let batch = try ModelBatch(stride: stride)
      let other = EncodedImages(dense: try -batch.encoded.dense, image: batch.encoded.image, layers: [])
      let one = try net(images: batch.images, encoded: batch.encoded).logits
      #expect(one.shape == [2, 1, 64, 64])
      #expect(try difference(one, net(images: batch.images, encoded: other).logits) > 1e-4)
    }
  }

  /// Widths below 16 once made oneDNN's backward pass of the strided shortcut write past its memory.
  @Test(arguments: [[4, 4], [4, 16], [8, 16], [12, 16], [16, 32]])
  func narrowHeadsCanBeTrained(widths: [Int]) throws {
    let net = try smallModel(.baseline) { $0.head.detailWidths = widths }
    net.train()
    try net.requireGradients(true)
    let batch = try ModelBatch()
    for _ in 0..<5 {
      try net(images: batch.images, encoded: batch.encoded).logits.power(2).mean().backward()
    }
    for parameter in net.parameters() {
      #expect(try parameter.tensor.gradient()?.isFinite() == true, "\(parameter.key)")
    }
  }

  @Test(
    "Layers of a trunk enter at their own resolution, trained and compiled", arguments: [[], [4], [4, 8]])
  func skips(widths: [Int]) throws {
    var configuration = HeadConfiguration()
    configuration.detailWidths = widths
    configuration.decoderWidths = [4, 6, 8, 10, 12]
    (configuration.towerLayers, configuration.skips, configuration.gridWidth) = ([1, 2, 3], .levels, 6)
    let head = try SegmentationHead(
      configuration, featureWidth: 16, towerWidths: [5, 7, 9], towerStrides: [2, 4, 8], gridStride: 16,
      generator: Generator(seed: 0))
    #expect(head.skipLevels == [1, 2, 3] && head.gridLevel == 4 && head.joinedWidth == 12)
    head.train(false)
    let image = try Tensor.seeded([2, 3, 48, 48], 1)
    let grid = try Tensor.seeded([2, 3, 3, 16], 2)
    var tower = [
      try Tensor.seeded([2, 24, 24, 5], 3), try .seeded([2, 12, 12, 7], 4), try .seeded([2, 6, 6, 9], 5),
    ]
    let wanted = try head(image: image, grid: grid, tower: tower)
    #expect(wanted.shape == [2, 1, 48, 48])
    let compiled = try inferenceMode {
      try head.compiled(for: .float32).decoded(image: image, grid: grid, tower: tower) { x, _ in x }.logits
    }
    #expect(try (compiled - wanted).norm(dims: [0, 1, 2, 3]).item() < 1e-3)
    // Each layer reaches the logits.
    for index in tower.indices {
      let own = tower[index]
      tower[index] = try -own
      #expect(try !head(image: image, grid: grid, tower: tower).isEqual(to: wanted), "layer \(index + 1)")
      tower[index] = own
    }
    configuration.decoderWidths = []
    configuration.detailWidths = []
    #expect(throws: HeadError.noLevels) {
      try SegmentationHead(
        configuration, featureWidth: 16, towerWidths: [5, 7, 9], towerStrides: [2, 4, 8], gridStride: 16,
        generator: Generator(seed: 0))
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
