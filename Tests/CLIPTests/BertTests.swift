import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import CLIP

/// A model that `Fixtures/make_bert.py` ran.
struct BertReference: Sendable, CustomTestStringConvertible {
  private struct File: Decodable {
    let texts: [String]
    let models: [ReferenceModel]
  }

  let model: ReferenceModel
  let texts: [String]

  var testDescription: String { model.name }

  static let all: [BertReference] = {
    let file = try? JSONDecoder().decode(File.self, from: Data(contentsOf: fixture("bert.json")))
    return (file?.models ?? []).map { BertReference(model: $0, texts: file?.texts ?? []) }
  }()

  static func named(_ name: String) throws -> BertReference {
    try #require(all.first { $0.model.name == name })
  }

  /// Whether the text tower is a BERT.
  var isBert: Bool { model.tensors.contains { $0.name.hasPrefix("text.transformer.embeddings.") } }

  /// Returns a stored tensor.
  func expected(_ key: String) throws -> Tensor {
    try #require(try SafetensorsFile(fixture("bert.safetensors")).tensor("\(model.name)/\(key)"))
  }

  /// Writes the model as a folder with the vocabulary of its tower, and lends it.
  ///
  /// UniMedCLIP has names of its own.
  func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    try model.withFolder { folder in
      guard isBert else { return try body(folder) }
      try FileManager.default.removeItem(at: folder.appendingPathComponent("bpe_simple_vocab_16e6.txt"))
      try FileManager.default.copyItem(
        at: fixture("wordpiece/vocab.txt"), to: folder.appendingPathComponent("vocab.txt"))
      if model.name == "unimedclip" {
        let file = folder.appendingPathComponent("open_clip_model.safetensors")
        let tensors = try SafetensorsFile(file).tensors().map { key, tensor in
          (
            "module."
              + key.replacingOccurrences(of: "text.t", with: "text_encoder.t")
              .replacingOccurrences(of: "text.p", with: "text_encoder.p"), try tensor.copy()
          )
        }
        try SafetensorsFile.write(Dictionary(uniqueKeysWithValues: tensors), to: file)
      }
      return try body(folder)
    }
  }
}

/// BERT text towers and OpenCLIP's custom text towers against open_clip and transformers.
@Suite struct BertTests {
  @Test func theReferencesAreThere() {
    #expect(BertReference.all.count == 10 && BertReference.all.filter(\.isBert).count == 5)
  }

  @Test(arguments: BertReference.all) func givesTheSameFeatures(_ reference: BertReference) throws {
    try reference.withFolder { folder in
      let model = try CLIPModel.load(folder: folder)
      #expect((model.text is BertTower) == reference.isBert)
      try withoutGradients {
        let ids = try reference.expected("ids")
        #expect(try difference(model.textFeatures(ids), reference.expected("text_features")) < 1e-5)
        let pixels = try uniform("pixels", [1, 3] + reference.model.size, scale: 2)
        #expect(
          try difference(model.imageFeatures(pixels), reference.expected("image_features")) < 1e-4)
        guard reference.isBert else { return }
        #expect(try model.tokenizer(reference.texts, window: 24).isEqual(to: ids))
        #expect(
          try difference(model.textFeatures(reference.texts), reference.expected("text_features")) < 1e-5)
      }
    }
  }

  @Test func readsTheSettingsOfBiomedCLIP() throws {
    try BertReference.named("biomedclip").withFolder { folder in
      let configuration = try CLIPConfiguration(folder: folder)
      let text = configuration.text
      #expect(text.hiddenSize == 48 && text.heads == 4 && text.intermediateSize == 100)
      #expect(text.layers == 2 && text.positions == 24 && text.epsilon == 1e-12)
      #expect(text.bert?.positions == 40 && text.bert?.pooler == .first && text.bert?.projection == .mlp)
      #expect(configuration.vision.trunk == "vit_tiny_patch16_224")
      #expect(configuration.vision.trunkPool == .token)
      #expect(try Tokenizer(folder: folder).cleaning == .openCLIP)
    }
    // Its heads have 64 channels, as in all published BERTs.
    try BertReference.named("unimedclip").withFolder { folder in
      let text = try CLIPConfiguration(folder: folder).text
      #expect(text.hiddenSize == 128 && text.heads == 2 && text.activation == "gelu")
    }
  }

  @Test(arguments: ["biomedclip", "linear-mean", "bidirectional-last", "bidirectional-first", "eos"])
  func isSavedAndReadBack(_ name: String) throws {
    let reference = try BertReference.named(name)
    try reference.withFolder { folder in
      let model = try CLIPModel.load(folder: folder)
      try withTemporaryFolder { copy in
        try model.save(to: copy)
        let back = try CLIPModel.load(folder: copy, lazily: true)
        #expect(back.text.configuration == model.text.configuration)
        #expect(back.tokenizer.cleaning == model.tokenizer.cleaning)
        try withoutGradients {
          let ids = try reference.expected("ids")
          #expect(try back.textFeatures(ids).isEqual(to: model.textFeatures(ids)))
          for text in reference.texts {
            #expect(back.tokenizer.encode(text) == model.tokenizer.encode(text))
          }
        }
      }
    }
  }

  private func someTower(
    _ pooler: CLIPConfiguration.Bert.Pooler, padToken: Int = 0
  ) throws -> BertTower {
    var text = CLIPConfiguration.Text()
    (text.hiddenSize, text.intermediateSize, text.layers, text.heads) = (16, 24, 2, 2)
    (text.vocabularySize, text.positions, text.epsilon) = (30, 12, 1e-12)
    var bert = CLIPConfiguration.Bert()
    (bert.positions, bert.pooler, bert.padToken) = (12, pooler, padToken)
    text.bert = bert
    let tower = try TextTower.make(
      text, projectionSize: 6, Initializer(generator: Generator(seed: 3)))
    return try #require(tower as? BertTower)
  }

  @Test(arguments: CLIPConfiguration.Bert.Pooler.allCases)
  func paddingChangesNothing(_ pooler: CLIPConfiguration.Bert.Pooler) throws {
    let tower = try someTower(pooler)
    try withoutGradients {
      let short = try tower(Tensor([2, 7, 9, 3], shape: [1, 4]))
      let rows = [2, 7, 9, 3, 0, 0, 2, 5, 6, 8, 9, 3]
      let long = try tower(Tensor(rows, shape: [2, 6])).narrowed(dim: 0, start: 0, length: 1)
      #expect(try difference(short, long) < 1e-6)
      // The same by embeddings of tokens, without the cut to the longest sentence.
      let ids = try Tensor([2, 7, 9, 3, 0, 0, 0], shape: [1, 7])
      #expect(try difference(tower(tokens: tower.tokens(ids), endingAs: ids), short) < 1e-6)
      #expect(tower.readsPadding(1) && !tower.readsPadding(0))
      #expect(try tower(Tensor([0, 0], shape: [1, 2])).isFinite())
    }
  }

  @Test func theLargestValueIsThatOfTokens() throws {
    let (tower, other) = (try someTower(.max), try someTower(.mean))
    try withoutGradients {
      let one = try Tensor([4], shape: [1, 1])
      #expect(try difference(tower(one), other(one)) < 1e-6)
      let two = try Tensor([4, 5], shape: [1, 2])
      #expect(try difference(tower(two), other(two)) > 1e-4)
    }
  }

  @Test func gradientsReachLearnedTokens() throws {
    let tower = try someTower(.first)
    let ids = try Tensor([2, 7, 9, 3, 0], shape: [1, 5])
    let tokens = try withoutGradients { try tower.tokens(ids).copy() }
    try tokens.requireGradient(true)
    try tower(tokens: tokens, endingAs: ids).sum().backward()
    let gradient = try #require(try tokens.gradient())
    let sizes = try gradient.magnitude().sum([0, 2]).floats()
    // The last token is padding.
    #expect(sizes.prefix(4).allSatisfy { $0 > 0 } && sizes[4] == 0)
  }

  @Test func aWindowThatIsTooLongIsNamed() throws {
    let tower = try someTower(.first)
    let text = message { _ = try tower(Tensor(Array(repeating: 4, count: 13), shape: [1, 13])) }
    #expect(text.contains("12 positions") && text.contains("13 tokens"), "\(text)")
  }
}
