import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite struct CLIPSegTests {
  @Test func logitsEqualPyTorchs() throws {
    let fixture = try Fixture("clipseg", in: "peers")
    let method = try some(CLIPSeg.self) { ($0.width, $0.heads, $0.innerWidth) = (8, 2, 12) }
    try method.load(fixture.parameters, from: "the fixture")
    let encoded = EncodedImages(
      dense: try .zeros([2, 2, 3, 6]), image: try .zeros([2, 6]),
      layers: [try fixture["layer0"], try fixture["layer1"]])
    let logits = try method.decode(.zeros([2, 3, 8, 12]), encoded)
    #expect(logits.shape == [2, 1, 8, 12])
    #expect(try difference(logits, fixture["logits"]) < 1e-4)
  }

  @Test func theShapeIsTheImagesThoughLayersAndSidesDoNotFit() throws {
    let method = try some(CLIPSeg.self)
    // A finer layer, as a ResNet's, and a side that is no multiple of the stride.
    let encoded = EncodedImages(
      dense: try .zeros([1, 2, 2, 6]), image: try .zeros([1, 6]),
      layers: [try .seeded([1, 4, 4, 5], 1), try .seeded([1, 2, 2, 7], 2)])
    #expect(try method.decode(.zeros([1, 3, 10, 11]), encoded).shape == [1, 1, 10, 11])
  }

  @Test func otherWordsGiveOtherLogits() throws {
    let method = try some(CLIPSeg.self)
    let encoded = EncodedImages(
      dense: try .zeros([1, 2, 2, 6]), image: try .zeros([1, 6]),
      layers: [try .seeded([1, 2, 2, 5], 1), try .seeded([1, 2, 2, 7], 2)])
    let images = try Tensor.zeros([1, 3, 8, 8])
    let before = try method.decode(images, encoded)
    let words = try #require(method.state()["words"])
    #expect(method.buffers().map(\.key) == ["words"])
    try words.assign(words * -1)
    #expect(try difference(method.decode(images, encoded), before) > 1e-3)
  }

  @Test func itLearnsATrivialMask() throws {
    let method = try some(CLIPSeg.self) { ($0.width, $0.innerWidth) = (16, 32) }
    let optimizer = try AdamW(groups: [
      ParameterGroup(name: "all", parameters: method.parameters(), learningRate: 0.01, weightDecay: 0)
    ])
    // Lesion where the first channel of the first layer is positive.
    let layer = try Tensor.seeded([2, 4, 4, 5], 1)
    let positive = try layer.narrowed(dim: 3, start: 0, length: 1).greater(than: 0).to(.float32)
    let mask = try positive.permuted([0, 3, 1, 2]).resized(height: 16, width: 16, interpolation: .nearest)
    let encoded = EncodedImages(
      dense: try .zeros([2, 4, 4, 6]), image: try .zeros([2, 6]),
      layers: [layer, try .seeded([2, 4, 4, 7], 2)])
    let images = try Tensor.zeros([2, 3, 16, 16])
    for _ in 0..<80 {
      let loss = try method.decode(images, encoded).binaryCrossEntropies(targets: mask).mean()
      try loss.backward()
      try optimizer.step()
      try optimizer.clearGradients()
    }
    let found = try method.decode(images, encoded).greater(than: 0).to(.float32)
    #expect(try difference(found, mask) == 0)
  }

  @Test func headsThatDoNotDivideTheWidthAreNamed() throws {
    let text = message { _ = try some(CLIPSeg.self) { $0.heads = 3 } }
    #expect(text.contains("model.options.heads"), "\(text)")
  }
}
