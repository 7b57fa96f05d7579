import Foundation
import Testing
import Torch

@testable import CLIP

@Suite struct LoadingTests {
  private func copy() throws -> URL {
    let target = FileManager.default.temporaryDirectory.appendingPathComponent("clip-\(UUID())")
    try FileManager.default.copyItem(at: ParityTests.fixtures.appendingPathComponent("tiny-clip"), to: target)
    return target
  }

  private func message(_ folder: URL) -> String {
    do {
      _ = try CLIPModel.load(folder.path)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: ["config.json", "model.safetensors", "vocab.json", "merges.txt"])
  func missingFileIsNamed(name: String) throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    #expect(message(folder).contains(name))
  }

  @Test(arguments: [
    "config.json", "vocab.json", "merges.txt", "preprocessor_config.json", "model.safetensors",
  ])
  func damagedFileIsNamed(name: String) throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("not what it should be".utf8).write(to: folder.appendingPathComponent(name))
    #expect(message(folder).contains(name))
  }

  @Test func weightsOfAnotherGeometryAreRefusedWithEveryDifference() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacingOccurrences(of: "\"projection_dim\": 12", with: "\"projection_dim\": 16")
      .write(to: file, atomically: true, encoding: .utf8)
    let found = message(folder)
    #expect(found.contains("visual_projection.weight (expected [16, 32], found [12, 32])"))
    #expect(found.contains("text_projection.weight"))
  }

  @Test func randomModelsOfOneSeedAreEqual() throws {
    let file = ParityTests.fixtures.appendingPathComponent("tiny-clip/config.json").path
    let first = try CLIPModel.load("random:\(file)", seed: 3)
    let second = try CLIPModel.load("random:\(file)", seed: 3)
    let other = try CLIPModel.load("random:\(file)", seed: 4)
    for (key, tensor) in first.state() {
      #expect(try tensor.isEqual(to: #require(second.state()[key])))
    }
    #expect(try !first.vision.parameters()[0].tensor.isEqual(to: other.vision.parameters()[0].tensor))
  }

  @Test func bytesTokenizerCoversAnyText() throws {
    let tokenizer = try Tokenizer.bytes()
    #expect(tokenizer.count == 514)
    #expect(tokenizer.encode("") == [512, 513])
    #expect(tokenizer.encode("\u{1F600} é", window: 5).count == 5)
    #expect(tokenizer.encode(String(repeating: "a", count: 500)).last == 513)
  }

  @Test func unknownExtractorIsRefusedWithTheNamesThereAre() {
    let error = #expect(throws: CLIPError.self) { try DenseFeatures(named: "magic") }
    #expect(error?.description.contains("maskclip") == true)
  }

  @Test func layersOutsideTheTowerAreRefused() throws {
    let model = try CLIPModel.load(ParityTests.fixtures.appendingPathComponent("tiny-clip").path)
    #expect(throws: TorchError.self) {
      try model.vision(.zeros([1, 3, 32, 32]), dense: .tokens, hidden: [3])
    }
    #expect(throws: TorchError.self) { try model.vision(.zeros([1, 4, 32, 32]), dense: .tokens) }
  }
}
