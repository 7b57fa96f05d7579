import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// What the towers promise beside the references' numbers.
@Suite struct TowerTests {
  private func transformer() throws -> VisionTransformer {
    var geometry = CLIPConfiguration.Vision()
    (geometry.hiddenSize, geometry.intermediateSize, geometry.layers, geometry.heads) = (24, 48, 3, 2)
    (geometry.imageSize, geometry.patchSize) = (16, 4)
    return try VisionTransformer(geometry, projectionSize: 10, generator: Generator(seed: 1))
  }

  private func network() throws -> ModifiedResNet {
    var geometry = CLIPConfiguration.Vision()
    (geometry.hiddenSize, geometry.heads, geometry.imageSize) = (128, 4, 64)
    (geometry.stages, geometry.patchSize) = ([1, 1, 1, 1], 32)
    return try ModifiedResNet(geometry, projectionSize: 10, generator: Generator(seed: 1))
  }

  /// The keys that have a gradient after a backward pass through dense features, pooled embedding and a layer.
  private func tuned(_ tower: ImageTower, last count: Int?, _ dense: DenseFeatures) throws -> Set<String> {
    try tower.requireGradients(false)
    for parameter in tower.parameters(ofLast: count) { try parameter.tensor.requireGradient() }
    let side = tower.configuration.imageSize
    let features = try tower(uniform("pixels", [2, 3, side, side]), dense: dense, hidden: [1])
    try ((features.dense * features.dense).sum() + (features.image * features.image).sum()).backward()
    let keys = try tower.parameters().filter { try $0.tensor.gradient() != nil }.map(\.key)
    for parameter in tower.parameters() { try parameter.tensor.setGradient(nil) }
    return Set(keys)
  }

  @Test(arguments: DenseFeatures.allCases)
  func gradientsReachWhatIsTuned(_ dense: DenseFeatures) throws {
    for tower in [try transformer(), try network()] as [ImageTower] {
      for count in [0, 1, 2, nil] {
        let wanted = Set(tower.parameters(ofLast: count).map(\.key))
        #expect(try tuned(tower, last: count, dense) == wanted)
      }
    }
  }

  @Test func lastLayersAreNamedFromTheEnd() throws {
    let keys = try transformer().parameters(ofLast: 1).map(\.key)
    #expect(keys.contains("vision_model.encoder.layers.2.self_attn.q_proj.weight"))
    #expect(!keys.contains { $0.contains("layers.1.") || $0.contains("embeddings") })
    #expect(
      try network().parameters(ofLast: 1).allSatisfy { $0.key.contains("layer4") || $0.key.contains("pool") })
  }

  @Test func hiddenLayersComeInTheOrderAsked() throws {
    for tower in [try transformer(), try network()] as [ImageTower] {
      let side = tower.configuration.imageSize
      let pixels = try uniform("pixels", [1, 3, side, 2 * side])
      let features = try tower(pixels, dense: nil, hidden: [3, 1])
      for (layer, found) in zip([3, 1], features.layers) {
        let stride = tower.hiddenStrides[layer - 1]
        #expect(found.shape == [1, side / stride, 2 * side / stride, tower.hiddenWidths[layer - 1]])
      }
      #expect(features.layers.count == 2 && features.image.shape == [1, 10])
      #expect(try features.dense.isEqual(to: features.image))
      #expect(message { _ = try tower(pixels, dense: nil, hidden: [9]) }.contains("[9]"))
      #expect(message { _ = try tower(pixels, dense: nil, hidden: [0]) }.contains("[0]"))
      #expect(throws: TorchError.self) { try tower(.zeros([1, 4, side, side]), dense: nil) }
    }
  }

  @Test func unknownExtractorsAreAnsweredWithThoseThereAre() {
    let error = #expect(throws: CLIPError.self) { try DenseFeatures(named: "magic") }
    #expect(error?.description.contains("maskclip") == true)
    let reading = #expect(throws: CLIPError.self) { try FeatureReading(named: "magic") }
    #expect(reading?.description.contains("tokens, maskclip, sclip, keys") == true)
  }

  @Test func maskclipLooksAtEachPositionAlone() throws {
    // With one layer, a change of one patch moves the value path's features of that patch only.
    var geometry = CLIPConfiguration.Vision()
    (geometry.hiddenSize, geometry.intermediateSize, geometry.layers, geometry.heads) = (24, 48, 1, 2)
    (geometry.imageSize, geometry.patchSize) = (16, 4)
    let tower = try VisionTransformer(geometry, projectionSize: 10, generator: Generator(seed: 1))
    let pixels = try uniform("pixels", [1, 3, 16, 16])
    let changed = try pixels.copy()
    try changed.narrowed(dim: 2, start: 4, length: 4).narrowed(dim: 3, start: 8, length: 4).fill(0)
    let moved = try (tower(pixels, dense: .maskclip).dense - tower(changed, dense: .maskclip).dense)
      .magnitude().sum([3]).squeezed(0)
    let values = try moved.floats()
    #expect(values.enumerated().allSatisfy { ($0 == 1 * 4 + 2) == ($1 > 0) }, "\(values)")
  }

  @Test func statisticsOfAResNetStayUnlessAsked() throws {
    let tower = try network()
    tower.train(true)
    let before = try tower.buffers().map { try $0.tensor.copy() }
    let pixels = try uniform("pixels", [2, 3, 64, 64])
    _ = try tower(pixels, dense: nil)
    for (old, new) in zip(before, tower.buffers()) { #expect(try old.isEqual(to: new.tensor)) }
    tower.learnsStatistics = true
    _ = try tower(pixels, dense: nil)
    #expect(try zip(before, tower.buffers()).contains { try !$0.isEqual(to: $1.tensor) })
  }

  @Test func randomModelsStartAsCLIPDoes() throws {
    let file = fixture("../../../Configurations/none.json")
    var configuration = CLIPConfiguration()
    (configuration.vision.hiddenSize, configuration.vision.layers, configuration.vision.heads) = (192, 2, 3)
    (configuration.text.layers, configuration.text.vocabularySize) = (2, 514)
    let model = try CLIPModel.random(configuration, beside: file, seed: 3)
    func deviation(_ key: String) throws -> Double {
      try #require(model.state()[key]).to(.float64).flattened().variance([0]).squareRoot().item()
    }
    let width = 192.0.squareRoot()
    for (key, expected) in [
      ("vision_model.encoder.layers.0.self_attn.q_proj.weight", 1 / width),
      ("vision_model.encoder.layers.1.self_attn.out_proj.weight", 0.5 / width),
      ("vision_model.encoder.layers.0.mlp.fc1.weight", 1 / width / 2.0.squareRoot()),
      ("vision_model.encoder.layers.0.mlp.fc2.weight", 0.5 / width), ("visual_projection.weight", 1 / width),
      ("vision_model.embeddings.position_embedding.weight", 1 / width),
      ("vision_model.embeddings.patch_embedding.weight", 1 / 9216.0.squareRoot()),
      ("text_model.embeddings.token_embedding.weight", 0.02),
      ("text_model.embeddings.position_embedding.weight", 0.01),
    ] { #expect(abs(try deviation(key) / expected - 1) < 0.03, "\(key)") }
    #expect(model.tokenizer.count == 514)
    let again = try CLIPModel.random(configuration, beside: file, seed: 3)
    for (key, tensor) in model.state() { #expect(try tensor.isEqual(to: #require(again.state()[key]))) }
    let other = try CLIPModel.random(configuration, beside: file, seed: 4)
    #expect(try !model.text(model.tokenizer(["a"])).isEqual(to: other.text(model.tokenizer(["a"]))))
  }

  @Test func textTowerSaysWhatDoesNotFit() throws {
    var configuration = CLIPConfiguration.Text()
    (configuration.hiddenSize, configuration.heads, configuration.layers) = (16, 2, 1)
    (configuration.vocabularySize, configuration.positions) = (20, 5)
    let tower = try TextTransformer(configuration, projectionSize: 4, generator: Generator(seed: 0))
    #expect(message { _ = try tower(.zeros([1, 6], dtype: .int64)) }.contains("narrow"))
    #expect(!message { _ = try tower(.full([1, 5], 20, dtype: .int64)) }.isEmpty)
  }

  @Test func embeddingsOfTokensMayBeLearnedInThePlaceOfIds() throws {
    var configuration = CLIPConfiguration.Text()
    (configuration.hiddenSize, configuration.heads, configuration.layers) = (16, 2, 2)
    (configuration.vocabularySize, configuration.positions, configuration.endToken) = (20, 6, 19)
    let tower = try TextTransformer(configuration, projectionSize: 4, generator: Generator(seed: 0))
    let ids = try Tensor([1, 5, 6, 19, 0, 0, 1, 7, 8, 9, 19, 0] as [Int], shape: [2, 6])
    let tokens = try tower.tokens(ids)
    #expect(tokens.shape == [2, 6, 16])
    #expect(try tower(tokens: tokens, endingAs: ids).isEqual(to: tower(ids)))
    // One row of the embeddings is learned: the sentences move, and what stands after their ends does not count.
    let learned = try Tensor.seeded([1, 1, 16], 3).requireGradient()
    func sentences(_ place: Int) throws -> Tensor {
      let all = try learned.expanded(to: [2, 1, 16])
      let parts = [
        try tokens.narrowed(dim: 1, start: 0, length: place), all,
        try tokens.narrowed(dim: 1, start: place + 1, length: 5 - place),
      ]
      return try tower(tokens: .concatenated(parts, dim: 1), endingAs: ids)
    }
    #expect(try difference(sentences(1), tower(ids)) > 1e-3)
    #expect(try sentences(5).detached().isEqual(to: tower(ids)))
    try sentences(1).power(2).sum().backward()
    #expect(try #require(try learned.gradient()).doubles().contains { $0 != 0 })
    #expect(throws: TorchError.self) { try tower(tokens: .zeros([2, 7, 16]), endingAs: ids) }
    #expect(throws: TorchError.self) { try tower(tokens: .zeros([2, 16]), endingAs: ids) }
  }
}
