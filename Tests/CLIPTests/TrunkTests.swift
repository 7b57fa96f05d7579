import Testing
import TestSupport
import Torch

@testable import CLIP

/// A pass that is stopped before a layer and taken up again.
@Suite struct TrunkTests {
  private func towers() throws -> [ImageTower] {
    var transformer = CLIPConfiguration.Vision()
    (transformer.hiddenSize, transformer.intermediateSize, transformer.layers, transformer.heads) = (
      24, 48, 3, 2
    )
    (transformer.imageSize, transformer.patchSize) = (16, 4)
    var network = CLIPConfiguration.Vision()
    (network.hiddenSize, network.heads, network.imageSize) = (128, 4, 64)
    (network.stages, network.patchSize) = ([1, 1, 1, 1], 32)
    return try [transformer, network].map {
      try ImageTower.make($0, projectionSize: 10, generator: Generator(seed: 1))
    }
  }

  private func pixels(_ tower: ImageTower) throws -> Tensor {
    let side = tower.configuration.imageSize
    return try uniform("pixels", [2, 3, side, 2 * side])
  }

  @Test(arguments: DenseFeatures.allCases)
  func bothHalvesAreTheWholeBitForBit(_ dense: DenseFeatures) throws {
    for tower in try towers() {
      let pixels = try pixels(tower)
      for hidden in [[], [1, 3], [3, 2, 1]] {
        let whole = try tower(pixels, dense: dense, hidden: hidden)
        for depth in 0..<tower.hiddenWidths.count {
          let trunk = try tower.trunk(pixels, depth: depth, hidden: hidden)
          #expect(trunk.layers.count == hidden.count { $0 < depth })
          // A cache stores values in the order of their indices.
          let stored = try trunk.map { try $0.contiguous() }
          for split in try [trunk, stored].map({ try tower($0, dense: dense, hidden: hidden) }) {
            for (one, other) in zip(
              [whole.image, whole.dense] + whole.layers, [split.image, split.dense] + split.layers)
            {
              #expect(try one.isEqual(to: other), "\(type(of: tower)) after \(depth), layers \(hidden)")
            }
            #expect(split.layers.count == hidden.count)
          }
        }
      }
    }
  }

  @Test(arguments: DenseFeatures.allCases, [0, 1, 2])
  func whatIsTunedHasTheSameGradients(_ dense: DenseFeatures, last count: Int) throws {
    for tower in try towers() {
      try tower.requireGradients(false)
      let tuned = tower.parameters(ofLast: count)
      for parameter in tuned { try parameter.tensor.requireGradient() }
      let pixels = try pixels(tower)
      func gradients(_ features: ImageFeatures) throws -> [String: Tensor] {
        try ((features.dense * features.dense).sum() + (features.image * features.image).sum()).backward()
        let found = try tuned.map { ($0.key, try #require(try $0.tensor.gradient())) }
        for parameter in tuned { try parameter.tensor.setGradient(nil) }
        return Dictionary(uniqueKeysWithValues: found)
      }
      let whole = try gradients(tower(pixels, dense: dense))
      // Dense features of a transformer are read in its last layer, so that is passed again in any case.
      let depth = tower.depth(beforeLast: count)
      #expect(depth == tower.hiddenWidths.count - (tower is VisionTransformer ? max(1, count) : count))
      let trunk = try withoutGradients { try tower.trunk(pixels, depth: depth) }
      let split = try gradients(tower(trunk, dense: dense))
      for (key, gradient) in whole { #expect(try gradient.isEqual(to: #require(split[key])), "\(key)") }
    }
  }

  @Test("Keys are those of the layers' attention, whole, resumed and compiled; a ResNet has none")
  func keys() throws {
    let towers = try towers()
    let tower = try #require(towers[0] as? VisionTransformer)
    let (pixels, state) = (try pixels(tower), tower.state())
    try inferenceMode {
      let inputs = try tower(pixels, dense: nil, hidden: [1, 2])
      func wanted(_ layer: Int) throws -> Tensor {
        let prefix = "vision_model.encoder.layers.\(layer - 1).self_attn.k_proj."
        return try tower.layers[layer - 1].norm1(inputs.layers[layer - 2])
          .linear(#require(state[prefix + "weight"]), bias: state[prefix + "bias"])
      }
      let keys = [try wanted(3), try wanted(2)]
      for pass in [tower, try tower.compiled(for: .float32)] as [any ImagePass] {
        let found = try pass(pixels, dense: .maskclip, hidden: [3, 2], reading: .keys)
        for (one, other) in zip(found.layers, keys) { #expect(try difference(one, other) < 1e-5) }
        // Nothing else depends on the reading.
        #expect(try found.dense.isEqual(to: pass(pixels, dense: .maskclip, hidden: [3]).dense))
        for depth in 0...3 {
          let half = try pass.trunk(pixels, depth: depth, hidden: [3, 2], reading: .keys)
          #expect(half.layers.count == [0, 0, 1, 2][depth])
          for (one, other) in try zip(pass(half, dense: nil, hidden: [3, 2]).layers, found.layers) {
            #expect(try one.isEqual(to: other))
          }
        }
      }
      #expect(throws: CLIPError.noKeys) { try towers[1](self.pixels(towers[1]), dense: nil, reading: .keys) }
    }
  }

  @Test func whatStandsBeforeIsAllThatIsNotTuned() throws {
    for tower in try towers() {
      for count in [1, 2] {
        let before = tower.modules(before: tower.depth(beforeLast: count)).flatMap { $0.parameters() }
        let tuned = tower.parameters(ofLast: count)
        let apart = tower is VisionTransformer ? 2 : 0
        // Class token and positions are the transformer's own.
        #expect(before.count + tuned.count + apart == tower.parameters().count)
      }
    }
  }

  @Test func aTrunkThatDoesNotFitIsRefused() throws {
    for tower in try towers() {
      let pixels = try pixels(tower)
      let trunk = try tower.trunk(pixels, depth: 2, hidden: [])
      #expect(message { _ = try tower(trunk, dense: nil, hidden: [1]) }.contains("[1]"))
      #expect(message { _ = try tower.trunk(pixels, depth: 1, hidden: [9]) }.contains("[9]"))
    }
    let transformer = try towers()[0]
    let all = try transformer.trunk(pixels(transformer), depth: 3)
    #expect(message { _ = try transformer(all, dense: .maskclip) }.contains("last layer"))
    let whole = try transformer(pixels(transformer), dense: nil)
    #expect(try transformer(all, dense: nil).image.isEqual(to: whole.image))
  }
}
