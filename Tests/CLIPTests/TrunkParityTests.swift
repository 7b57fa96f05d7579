import Foundation
import TestSupport
import Testing
import Torch

@testable import CLIP

/// A small trunk whose outputs `Fixtures/make_trunks.py` or `make_eva.py` stored.
struct SmallTrunk: CustomTestStringConvertible, Sendable {
  let name: String
  let geometry: TrunkGeometry
  /// The height and width of the image.
  let size: [Int]
  var pool: TokenPool?
  var projection: String?

  var testDescription: String { name }

  static let convolutional: [SmallTrunk] = ["convnext", "convnext-small", "convnextv2", "convnextv2-small"]
    .map { name in
      var geometry = ConvNeXtGeometry(blocks: [1, 2, 1, 1], widths: [8, 12, 16, 24])
      geometry.hasConvolutionalShapes = name.hasSuffix("-small")
      geometry.isVersion2 = name.hasPrefix("convnextv2")
      return SmallTrunk(
        name: name, geometry: .convNeXt(geometry), size: [70, 44],
        projection: name == "convnext-small" ? "mlp" : nil)
    }

  static let transformers: [SmallTrunk] = {
    func trunk(
      _ name: String, wide: Bool = true, pool: TokenPool? = nil,
      _ change: (inout TransformerGeometry) -> Void = { _ in }
    ) -> SmallTrunk {
      var geometry = TransformerGeometry(patch: 8, width: 32, layers: 3, heads: 2)
      change(&geometry)
      return SmallTrunk(
        name: name, geometry: .transformer(geometry), size: wide ? [48, 32] : [40, 40], pool: pool)
    }
    func dino3(_ geometry: inout TransformerGeometry) {
      (geometry.registers, geometry.scalesLayers, geometry.epsilon) = (4, true, 1e-5)
      (geometry.positions, geometry.attentionBias) = (.rotary, .none)
    }
    return [
      trunk("vit", wide: false), trunk("vit-wide"), trunk("vit-avg", pool: .avgThenNorm),
      trunk("clip") { ($0.normalizesFirst, $0.epsilon) = (true, 1e-5) },
      trunk("dinov2") { $0.scalesLayers = true },
      trunk("dinov2-reg4") { ($0.scalesLayers, $0.registers, $0.positions) = (true, 4, .learnedGrid) },
      trunk("dinov3", dino3),
      trunk("dinov3-plus-qkvb", pool: .token) {
        dino3(&$0)
        ($0.isGated, $0.attentionBias) = (true, .withoutKeys)
      },
      trunk("eva02") {
        ($0.positions, $0.isGated) = (.learnedRotary, true)
        ($0.attentionBias, $0.normalizesInside) = (.apart, true)
      },
    ]
  }()

  /// Makes the tower with the script's weights.
  func tower() throws -> ImageTower {
    var vision = CLIPConfiguration.Vision()
    (vision.trunk, vision.imageSize, vision.trunkPool) = (name, 40, pool)
    (vision.trunkProjection, vision.trunkProjectionHasBias) = (projection, projection == "mlp")
    let tower = try geometry.tower(vision, projectionSize: 6, Initializer(generator: nil))
    try withoutGradients {
      for (key, tensor) in tower.state() {
        let (scale, offset) = rule(key, tensor.shape)
        try tensor.assign(uniform(key, tensor.shape, scale: scale, offset: offset))
      }
    }
    tower.train(false)
    return tower
  }

  private func rule(_ key: String, _ shape: [Int]) -> (Double, Double) {
    if key.hasSuffix("bias") { return (0.1, 0) }
    if key.contains("gamma") { return (0.3, 0.6) }
    if key.hasSuffix("grn.weight") { return (0.5, 0) }
    if shape.count == 1 { return (0.2, 1) }
    if shape.count == 3 { return (0.5, 0) }
    return ((3 / Double(shape.dropFirst().reduce(1, *))).squareRoot(), 0)
  }

  var pixels: Tensor { get throws { try uniform("pixels", [2, 3] + size, scale: 2) } }

  /// Returns a stored output of the second image.
  func expected(_ key: String) throws -> Tensor {
    let file = name.hasPrefix("eva") ? "eva.safetensors" : "trunks.safetensors"
    return try #require(try SafetensorsFile(fixture(file)).tensor("\(name)/\(key)"))
  }
}

/// ConvNeXt and vision transformers against timm.
@Suite("Trunks of timm")
struct TrunkParityTests {
  /// The largest difference of the second image's output, relative to the largest number.
  private func distance(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    let own = try found.narrowed(dim: 0, start: 1, length: 1)
    guard own.shape == wanted.shape else { return .infinity }
    return try difference(own, wanted)
  }

  @Test(
    "A ConvNeXt gives timm's stages, embedding and dense features, trained and compiled",
    arguments: SmallTrunk.convolutional)
  func convolutional(_ trunk: SmallTrunk) throws {
    let (tower, pixels) = (try trunk.tower(), try trunk.pixels)
    for pass in [tower, try tower.compiled(for: .float32)] as [any ImagePass] {
      let found = try inferenceMode { try pass(pixels, dense: .maskclip, hidden: [1, 2, 3, 4]) }
      for (index, layer) in found.layers.enumerated() {
        #expect(try distance(layer, trunk.expected("layer\(index + 1)")) < 1e-4, "stage \(index + 1)")
      }
      #expect(try distance(found.image, trunk.expected("image")) < 1e-4)
      #expect(try distance(found.dense, trunk.expected("dense")) < 1e-4)
    }
    #expect(
      zip(tower.hiddenWidths, try [1, 2, 3, 4].map { try trunk.expected("layer\($0)").shape[3] })
        .allSatisfy { $0 == $1 })
  }

  @Test(
    "A transformer gives timm's layers, keys, embedding and dense features, trained and compiled",
    arguments: SmallTrunk.transformers)
  func transformers(_ trunk: SmallTrunk) throws {
    let (tower, pixels) = (try trunk.tower(), try trunk.pixels)
    for pass in [tower, try tower.compiled(for: .float32)] as [any ImagePass] {
      try inferenceMode {
        for dense in DenseFeatures.allCases {
          let found = try pass(pixels, dense: dense, hidden: [1, 2, 3])
          for (index, layer) in found.layers.enumerated() {
            #expect(try distance(layer, trunk.expected("layer\(index + 1)")) < 1e-4, "layer \(index + 1)")
          }
          #expect(try distance(found.image, trunk.expected("image")) < 1e-4)
          // Of a mean, the value path is the final tokens.
          let isMean = try dense == .maskclip && #require(tower as? TrunkTransformer).pool != .token
          let key = isMean ? "tokens" : dense.rawValue
          #expect(try distance(found.dense, trunk.expected(key)) < 1e-4, "\(key)")
        }
        let keys = try pass(pixels, dense: nil, hidden: [3, 1, 2], reading: .keys).layers
        for (layer, found) in zip([3, 1, 2], keys) {
          #expect(try distance(found, trunk.expected("keys\(layer)")) < 1e-4, "keys \(layer)")
        }
      }
    }
  }

  @Test(
    "A pass that stops before any layer is resumed to the same outputs and keys",
    arguments: SmallTrunk.transformers + SmallTrunk.convolutional)
  func stopped(_ trunk: SmallTrunk) throws {
    let (tower, pixels) = (try trunk.tower(), try trunk.pixels)
    let isTransformer = tower is TrunkTransformer
    try inferenceMode {
      for reading in isTransformer ? [LayerReading.outputs, .keys] : [.outputs] {
        let wanted = try tower(pixels, dense: .maskclip, hidden: [3, 1], reading: reading)
        for depth in 0..<3 {
          let half = try tower.trunk(pixels, depth: depth, hidden: [3, 1], reading: reading)
          let found = try tower(half, dense: .maskclip, hidden: [3, 1])
          for (one, other) in zip(
            [found.image, found.dense] + found.layers, [wanted.image, wanted.dense] + wanted.layers)
          {
            #expect(try one.isEqual(to: other), "after \(depth), \(reading)")
          }
        }
        // After the last layer all tensors of layers are there, though dense features are not.
        let whole = try tower.trunk(
          pixels, depth: tower.hiddenWidths.count, hidden: [3, 1], reading: reading)
        let found = try tower(whole, dense: nil, hidden: [3, 1]).layers
        for (one, other) in zip(found, wanted.layers) { #expect(try one.isEqual(to: other)) }
      }
    }
  }

  @Test(
    "Compiled trunks stay near in every precision; the first layers alone are those of the whole",
    arguments: SmallTrunk.transformers + SmallTrunk.convolutional)
  func precisions(_ trunk: SmallTrunk) throws {
    let (tower, pixels) = (try trunk.tower(), try trunk.pixels)
    let reading = tower is TrunkTransformer ? LayerReading.keys : .outputs
    func norm(_ x: Tensor) throws -> Double { try x.norm(dims: Array(0..<x.shape.count)).item() }
    try inferenceMode {
      let wanted = try tower(pixels, dense: .sclip, hidden: [2], reading: reading)
      for precision in Precision.allCases where precision != .int8 || Machine.hasInt8 {
        let (whole, first) = (
          try tower.compiled(for: precision), try tower.compiled(for: precision, upTo: 2)
        )
        let found = try whole(pixels, dense: .sclip, hidden: [2], reading: reading)
        let half = try whole(first(pixels, hidden: [2], reading: reading), dense: .sclip, hidden: [2])
        let bound = precision == .float32 ? 1e-4 : precision == .bfloat16 ? 0.05 : 0.1
        for (one, other, again) in zip3(
          [found.image, found.dense] + found.layers, [wanted.image, wanted.dense] + wanted.layers,
          [half.image, half.dense] + half.layers)
        {
          #expect(one.dtype == .float32)
          #expect(try norm(one - other) < bound * norm(other), "\(precision)")
          #expect(try one.isEqual(to: again))
        }
      }
    }
  }

  private func zip3<T>(_ a: [T], _ b: [T], _ c: [T]) -> [(T, T, T)] {
    zip(zip(a, b), c).map { ($0.0, $0.1, $1) }
  }

  @Test("The last layers and everything after them are tuned, and gradients reach all of it")
  func tuned() throws {
    for trunk in SmallTrunk.transformers + SmallTrunk.convolutional {
      let tower = try trunk.tower()
      let place = tower is TrunkTransformer ? "visual.trunk.blocks.2." : "visual.trunk.stages.3."
      let tuned = tower.parameters(ofLast: 1)
      let count = tower.hiddenWidths.count
      #expect(
        tuned.contains { $0.key.hasPrefix(place) } && tuned.contains { $0.key.hasPrefix("visual.head.") })
      let before = tower.modules(before: count - 1).flatMap { $0.parameters() }
      // Tokens and positions are the transformer's own.
      let apart = tower.parameters().count {
        ["_token", "pos_embed"].contains(where: $0.key.hasSuffix)
      }
      #expect(before.count + tuned.count + apart == tower.parameters().count, "\(trunk.name)")
      try tower.requireGradients(false)
      for parameter in tuned { try parameter.tensor.requireGradient() }
      let found = try tower(trunk.pixels, dense: .tokens)
      try ((found.dense * found.dense).sum() + (found.image * found.image).sum()).backward()
      for parameter in tuned { #expect(try parameter.tensor.gradient() != nil, "\(parameter.key)") }
    }
  }
}
