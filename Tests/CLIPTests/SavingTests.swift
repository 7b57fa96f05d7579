import Foundation
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Folders that are written are read back as the same model.
@Suite struct SavingTests {
  private let texts = ["A polyp in an endoscopic image", "naïve café — 3.5 mm 😀 it's", ""]

  private func model(stem: [Int]?) throws -> CLIPModel {
    var configuration = CLIPConfiguration()
    configuration.projectionSize = 12
    (configuration.vision.hiddenSize, configuration.vision.intermediateSize) = (16, 32)
    (configuration.vision.layers, configuration.vision.heads) = (2, 2)
    (configuration.vision.imageSize, configuration.vision.patchSize) = (32, 8)
    (configuration.vision.stemChannels, configuration.vision.activation) = (stem, "gelu")
    (configuration.text.hiddenSize, configuration.text.intermediateSize) = (16, 32)
    (configuration.text.layers, configuration.text.heads) = (2, 2)
    let tokenizer = try Tokenizer(folder: fixture("tokenizer"), cleaning: .huggingFace)
    configuration.text.vocabularySize = tokenizer.count
    return try CLIPModel(
      configuration, tokenizer: tokenizer, preparation: ImagePreparation(size: 32), seed: 5)
  }

  private func ordered(_ tokens: [AddedToken]) -> [AddedToken] { tokens.sorted { $0.id < $1.id } }

  private func same(_ left: CLIPModel, _ right: CLIPModel, tolerance: Double = 0) throws {
    let (own, other) = (left.state(), right.state())
    #expect(Set(own.keys) == Set(other.keys))
    for (key, tensor) in own {
      let found = try #require(other[key])
      #expect(found.dtype == .float32)
      let largest: Double = try tensor.magnitude().flattened().max([0]).item()
      #expect(try difference(tensor, found) <= tolerance * max(largest, 1e-3), "\(key)")
    }
    #expect(left.configuration.vision == right.configuration.vision)
    #expect(left.text.configuration == right.text.configuration)
    #expect(left.configuration.projectionSize == right.configuration.projectionSize)
    #expect(left.preparation == right.preparation)
    for text in texts { #expect(left.tokenizer.encode(text) == right.tokenizer.encode(text)) }
    #expect(left.tokenizer.padToken == right.tokenizer.padToken)
    #expect(ordered(left.tokenizer.addedTokens) == ordered(right.tokenizer.addedTokens))
    #expect(left.tokenizer.vocabulary == right.tokenizer.vocabulary)
    #expect(left.tokenizer.merges.elementsEqual(right.tokenizer.merges, by: ==))
  }

  @Test(arguments: [nil, [6, 8, 10]] as [[Int]?])
  func float32ComesBackExactly(_ stem: [Int]?) throws {
    let model = try model(stem: stem)
    try withTemporaryFolder { folder in
      let target = folder.appendingPathComponent("made/here")
      try model.save(to: target)
      let back = try CLIPModel.load(target.path)
      try same(model, back)
      let pixels = try uniform("pixels", [2, 3, 32, 32], scale: 2)
      try withoutGradients {
        let images = try back.imageFeatures(pixels)
        #expect(try model.imageFeatures(pixels).isEqual(to: images))
        let sentences = try back.textFeatures(texts)
        #expect(try model.textFeatures(texts).isEqual(to: sentences))
      }
      let files = try FileManager.default.contentsOfDirectory(atPath: target.path).sorted()
      #expect(
        files == [
          "config.json", "merges.txt", "model.safetensors", "preprocessor_config.json",
          "tokenizer_config.json", "vocab.json",
        ])
    }
  }

  @Test func float16HalvesTheFileAndIsReadAsFloat32() throws {
    let model = try model(stem: [6, 8, 10])
    try withTemporaryFolder { folder in
      let (half, full) = (folder.appendingPathComponent("half"), folder.appendingPathComponent("full"))
      try model.save(to: half, dtype: .float16)
      try model.save(to: full, dtype: .float32)
      let back = try CLIPModel.load(folder: half)
      try same(model, back, tolerance: 1e-3)
      func size(_ folder: URL) throws -> Int {
        try Data(contentsOf: folder.appendingPathComponent("model.safetensors")).count
      }
      #expect(try Double(size(half)) < 0.6 * Double(size(full)))
      let file = try SafetensorsFile(half.appendingPathComponent("model.safetensors"))
      #expect(file.entries.values.allSatisfy { $0.dtype == .float16 })
      // What was rounded once stays: saving again gives the same bytes.
      let again = folder.appendingPathComponent("again")
      try back.save(to: again, dtype: .float16)
      for name in try FileManager.default.contentsOfDirectory(atPath: half.path) {
        let (first, second) = (half.appendingPathComponent(name), again.appendingPathComponent(name))
        #expect(try Data(contentsOf: first) == Data(contentsOf: second), "\(name)")
      }
      #expect(message { try model.save(to: again, dtype: .int32) }.contains("int32"))
    }
  }

  @Test func aLoadedModelMayBeSavedOverItself() throws {
    try withTemporaryFolder { folder in
      let model = try model(stem: nil)
      try model.save(to: folder)
      let back = try CLIPModel.load(folder: folder)
      try withoutGradients { _ = try back.logitScale.fill(1) }
      try back.save(to: folder)
      #expect(try CLIPModel.load(folder: folder).logitScale.item() == 1)
    }
  }

  @Test func publishedFormsComeBackToo() throws {
    for name in ["tiny-hf", "tiny-openclip"] {
      let model = try CLIPModel.load(folder: fixture(name))
      try withTemporaryFolder { folder in
        try model.save(to: folder)
        try same(model, CLIPModel.load(folder: folder))
      }
    }
    let reference = try #require(ReferenceModel.all.first { $0.name == "open-resnet" })
    try reference.withFolder { source in
      let model = try CLIPModel.load(folder: source)
      try withTemporaryFolder { folder in
        try model.save(to: folder)
        try same(model, CLIPModel.load(folder: folder))
      }
    }
  }

  @Test func addedTokensComeBack() throws {
    let plain = try model(stem: nil)
    var lesion = AddedToken("<lesion>", id: plain.tokenizer.vocabulary.count)
    (lesion.isNormalized, lesion.stripsLeft) = (true, true)
    let tokenizer = try Tokenizer(
      vocabulary: plain.tokenizer.vocabulary, merges: plain.tokenizer.merges, file: fixture("tokenizer"),
      addedTokens: plain.tokenizer.addedTokens + [lesion, AddedToken("!", id: 0)])
    #expect(tokenizer.encode("a <LESION>!").suffix(3) == [lesion.id, 0, tokenizer.endToken])
    var configuration = plain.configuration
    configuration.text.vocabularySize = tokenizer.count
    let model = try CLIPModel(
      configuration, tokenizer: tokenizer, preparation: ImagePreparation(size: 32), seed: 5)
    try withTemporaryFolder { folder in
      try model.save(to: folder)
      let back = try CLIPModel.load(folder: folder)
      try same(model, back)
      #expect(back.tokenizer.encode("a <LESION>!") == tokenizer.encode("a <LESION>!"))
    }
  }

  @Test(arguments: [ImagePreparation.Framing.crop, .openCrop, .squash])
  func preparationsComeBack(_ framing: ImagePreparation.Framing) throws {
    var preparation = ImagePreparation(size: 32)
    (preparation.framing, preparation.resample, preparation.rescale) = (framing, 2, 0.005)
    (preparation.mean, preparation.deviation) = ([0.1, 0.2, 0.3], [0.5, 0.25, 1.0 / 3])
    if framing != .squash { preparation.shortestEdge = 36 }
    let plain = try model(stem: nil)
    let model = try CLIPModel(
      plain.configuration, tokenizer: plain.tokenizer, preparation: preparation, seed: 0)
    try withTemporaryFolder { folder in
      try model.save(to: folder)
      #expect(try CLIPModel.load(folder: folder).preparation == preparation)
    }
  }

  @Test func weightsThatFloat16CannotHoldAreRefused() throws {
    let model = try model(stem: nil)
    try withoutGradients { _ = try model.logitScale.fill(1e6) }
    try withTemporaryFolder { folder in
      let target = folder.appendingPathComponent("half")
      #expect(message { try model.save(to: target, dtype: .float16) }.contains("logit_scale"))
      #expect(!FileManager.default.fileExists(atPath: target.path))
      let file = folder.appendingPathComponent("file")
      try Data("x".utf8).write(to: file)
      #expect(message { try model.save(to: file) }.contains(file.path))
    }
  }
}
