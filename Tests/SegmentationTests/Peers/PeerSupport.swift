import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP
@testable import Confounders
@testable import Segmentation

/// What a method is built from in tests: text of width 6, a tower of two layers, three sites.
func someContext(
  featureWidth: Int? = 4, siteCount: Int? = 3, textEncoder: TextEncoder? = nil
) throws -> MethodContext {
  let text = try someText(width: 6)
  return MethodContext(
    text: text, dictionary: try ConfounderDictionary(words: text.confounders), textEncoder: textEncoder,
    towerLayers: [1, 2], towerWidths: [5, 7], gridStride: 4, featureWidth: featureWidth, siteCount: siteCount,
    seed: 5)
}

/// A text tower of two layers with random weights, a token for each byte and each merged pair; d is 6.
func someTextEncoder(window: Int = 40, merges: [(String, String)] = []) throws -> TextEncoder {
  let tokenizer = try Tokenizer(
    orderedMerges: merges, file: URL(fileURLWithPath: "a test"), cleaning: .huggingFace)
  var geometry = CLIPConfiguration()
  geometry.projectionSize = 6
  (geometry.vision.hiddenSize, geometry.vision.intermediateSize) = (8, 8)
  (geometry.vision.layers, geometry.vision.heads) = (1, 2)
  (geometry.vision.imageSize, geometry.vision.patchSize) = (8, 4)
  (geometry.text.hiddenSize, geometry.text.intermediateSize) = (12, 24)
  (geometry.text.layers, geometry.text.heads) = (2, 2)
  (geometry.text.vocabularySize, geometry.text.positions) = (tokenizer.count, window)
  let clip = try CLIPModel(
    geometry, tokenizer: tokenizer, preparation: ImagePreparation(size: 8), seed: 6)
  return TextEncoder(clip)
}

/// A BERT of two layers with random weights and a token for each of some words; d is 6.
func someBertEncoder() throws -> TextEncoder {
  let words = "[PAD] [UNK] [CLS] [SEP] [MASK] x y polyp ulcer cyst normal mucosa . a photo of"
  let file = URL(fileURLWithPath: "a test")
  let roles = ["unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"]
  let pieces = try WordPiece(
    words.split(separator: " ").map { String($0) }, .init(), roles: roles, added: [], file: file)
  let tokenizer = try Tokenizer(pieces, file: file)
  var geometry = CLIPConfiguration()
  geometry.projectionSize = 6
  (geometry.vision.hiddenSize, geometry.vision.intermediateSize) = (8, 8)
  (geometry.vision.layers, geometry.vision.heads) = (1, 2)
  (geometry.vision.imageSize, geometry.vision.patchSize) = (8, 4)
  (geometry.text.hiddenSize, geometry.text.intermediateSize) = (12, 24)
  (geometry.text.layers, geometry.text.heads, geometry.text.epsilon) = (2, 2, 1e-12)
  (geometry.text.vocabularySize, geometry.text.positions) = (tokenizer.count, 40)
  geometry.text.bert = CLIPConfiguration.Bert()
  let clip = try CLIPModel(
    geometry, tokenizer: tokenizer, preparation: ImagePreparation(size: 8), seed: 6)
  return TextEncoder(clip)
}

/// A method with changed options, which are checked.
func some<Method: ConfigurableMethod>(
  _ type: Method.Type, siteCount: Int? = 3, _ change: (inout Method.Options) -> Void = { _ in }
) throws -> Method {
  var options = Method.Options()
  change(&options)
  let choice = MethodChoice(type, options)
  let textEncoder = choice.traits.needsTextTower ? try someTextEncoder() : nil
  let method = try choice.make(someContext(siteCount: siteCount, textEncoder: textEncoder))
  return try #require(method as? Method)
}

/// A batch of some sites with these losses.
func someBatch(
  sites: [Int], losses: [Float]? = nil, masks: Tensor? = nil, progress: Double = 0.5
) throws -> MethodBatch {
  try MethodBatch(
    sites: sites, masks: masks ?? .zeros([sites.count, 1, 4, 4]),
    classes: sites.map { _ in nil }, losses: Tensor(losses ?? sites.map { _ in 1 }),
    pass: somePass(sites), progress: progress)
}

/// What a model would give, with these features of the head.
func someOutput(features: Tensor, logits: Tensor? = nil) throws -> SegmentationOutput {
  let grid = try Tensor.seeded([features.size(0), 4, 6], 1)
  return SegmentationOutput(
    logits: try logits ?? .zeros([features.size(0), 1, 4, 4]),
    representation: Representation(unchanged: grid),
    image: try .seeded([features.size(0), 6], 2), features: features)
}

/// A step's sites and chance.
func somePass(_ sites: [Int], _ seed: UInt64 = 3) throws -> TrainingPass {
  TrainingPass(sites: sites, generator: try Generator(seed: seed))
}

/// The only term that a method names for a batch, by a name that it must have; nil without one.
func onlyTerm(
  _ name: String, _ method: SegmentationMethod, _ output: SegmentationOutput, _ batch: MethodBatch
) throws -> LossTerm? {
  let terms = try method.losses(output, batch)
  #expect(terms.count <= 1 && terms.allSatisfy { $0.name == name })
  return terms.first
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
