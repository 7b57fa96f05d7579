import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Storage
import TestSupport
import Testing
import Torch

@testable import Pretraining

@Suite("Pretraining", .serialized)
struct PretrainingTests {
  private func prompts() throws -> PromptSet {
    try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
  }

  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "pretraining-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  private func clip() throws -> CLIPModel {
    let file = Project.file("Configurations/vit-tiny-p8-64.json")
    return try CLIPModel.random(CLIPConfiguration(contentsOf: file), beside: file, seed: 1)
  }

  private func configuration(_ steps: Int) -> PretrainingConfiguration {
    var configuration = PretrainingConfiguration()
    configuration.steps = steps
    configuration.batchSize = 8
    configuration.saveEvery = 2
    return configuration
  }

  @Test("Rendered pictures carry the sentences that are true of them, and only those")
  func captions() throws {
    let prompts = try prompts()
    let images = try CaptionedImages(rendering: 40, size: 32, seed: 2, prompts: prompts)
    #expect(images.pixels.shape == [40, 3, 32, 32] && images.count == 40)
    #expect(images.captions.allSatisfy { !$0.isEmpty && Set($0).isSubset(of: prompts.sentences.map(\.text)) })
    // A picture shows one class or none.
    for captions in images.captions {
      #expect(
        captions.filter(prompts.classPrompts.contains).count + (captions.contains(prompts.normal[0]) ? 1 : 0)
          == 1)
    }
    let later = try CaptionedImages(rendering: 10, from: 30, size: 32, seed: 2, prompts: prompts)
    #expect(Array(images.captions[30...]) == later.captions)
    #expect(try images.pixels.narrowed(dim: 0, start: 30, length: 10).isEqual(to: later.pixels))
  }

  @Test("Captions name the class, each confounder and both together; normal images have no class")
  func words() throws {
    let prompts = try prompts()
    #expect(
      prompts.captions(lesion: "polyp", confounders: ["blood", "blur"]) == [
        "A polyp in an endoscopic image", "An endoscopy image with blur", "An endoscopy image with blood",
        "A polyp with blur", "A polyp with blood",
      ])
    #expect(
      prompts.captions(lesion: nil, confounders: ["mucus"])
        == prompts.normal + ["An endoscopy image with mucus"])
    #expect(prompts.captions(lesion: "wart", confounders: []) == [])
  }

  @Test("Training lowers the loss, and resumed equals uninterrupted bit for bit")
  func resume() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let images = try CaptionedImages(rendering: 32, size: 64, seed: 2, prompts: prompts())
    func trainer(_ name: String, resuming: Bool = false) throws -> (ContrastiveTrainer, CLIPModel) {
      let clip = try clip()
      let trainer = try ContrastiveTrainer(
        configuration: configuration(6), clip: clip, images: images,
        stateFile: folder.appendingPathComponent(name), resuming: resuming)
      return (trainer, clip)
    }
    let (whole, expected) = try trainer("whole")
    let metrics = try whole.train()
    #expect(metrics.map(\.step) == [2, 4, 6])
    #expect(metrics[2].loss < metrics[0].loss)

    let (first, _) = try trainer("parts")
    #expect(throws: PretrainingError.interrupted(step: 3)) {
      try first.train(shouldStop: { first.step == 3 })
    }
    let (second, found) = try trainer("parts", resuming: true)
    #expect(second.step == 3)
    #expect(try second.train().map(\.loss) == metrics.map(\.loss))
    for (key, tensor) in expected.state() {
      #expect(try found.state()[key]?.isEqual(to: tensor) == true, "\(key)")
    }
  }

  @Test("Settings that cannot work, and a file that is no state, are errors that say so")
  func faults() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let images = try CaptionedImages(rendering: 4, size: 32, seed: 2, prompts: prompts())
    let state = folder.appendingPathComponent("state")
    func trainer(_ configuration: PretrainingConfiguration) throws -> ContrastiveTrainer {
      try ContrastiveTrainer(
        configuration: configuration, clip: clip(), images: images, stateFile: state, resuming: false)
    }
    var small = configuration(2)
    for size in [1, 5] {
      small.batchSize = size
      #expect(throws: PretrainingError.batchSize(size, images: 4)) { try trainer(small) }
    }
    small.batchSize = 2
    var none = small
    none.saveEvery = 0
    #expect(throws: PretrainingError.belowOne("saveEvery", value: 0)) { try trainer(none) }
    try SafetensorsFile.write(["x": .zeros([1])], to: state)
    #expect(throws: PretrainingError.badState(state)) {
      try ContrastiveTrainer(
        configuration: small, clip: clip(), images: images, stateFile: state, resuming: true)
    }
  }

  @Test("A folder of one's own is read by its list, and each fault names the file and line")
  func ownFolder() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let list = folder.appendingPathComponent("captions.jsonl")
    let reader = SampleReader(size: 8)
    try ImageFile.writePNG(
      Image(width: 2, height: 2, channels: 1, pixels: [255, 255, 255, 255]),
      to: folder.appendingPathComponent("a.png"))
    func write(_ text: String) throws { try Data(text.utf8).write(to: list) }
    try write("{\"image\": \"a.png\", \"captions\": [\"one\", \"two\"]}\n\n")
    let images = try CaptionedImages(folder: folder, reader: reader)
    #expect(images.captions == [["one", "two"]] && images.pixels.shape == [1, 3, 8, 8])
    #expect(try images.pixels.to(.float32).mean().item() == 255)
    for text in ["{}", "{\"image\": \"a.png\", \"captions\": []}", "[", ""] {
      try write(text)
      #expect(throws: FileError.self) { try CaptionedImages(folder: folder, reader: reader) }
    }
    try write("{\"image\": \"b.png\", \"captions\": [\"one\"]}")
    #expect(throws: (any Error).self) { try CaptionedImages(folder: folder, reader: reader) }
    try FileManager.default.removeItem(at: list)
    #expect(throws: FileError.self) { try CaptionedImages(folder: folder, reader: reader) }
  }

  @Test("Words for another modality are refused, naming what the pictures show")
  func otherWords() throws {
    let fundus = try PromptSet(contentsOf: Project.file("Prompts/fundus.json5"))
    #expect(throws: PromptError.self) {
      try CaptionedImages(rendering: 2, size: 32, seed: 0, prompts: fundus)
    }
    #expect(throws: PromptError.self) { try ZeroShot(clip(), prompts: fundus, count: 1) }
  }

  @Test("A report holds every class, confounder and extractor, within bounds, the same twice")
  func zeroShot() throws {
    let report = try ZeroShot(clip(), prompts: prompts(), count: 60, seed: 3)
    #expect(report.accuracyByClass.count == 6 && report.confounders.count == 12)
    #expect(report.localisation.map(\.extractor) == ["tokens", "maskclip", "sclip"])
    let areas = report.localisation.flatMap(\.areas.values)
    #expect((areas + report.confounders.values).allSatisfy { (0...1).contains($0) })
    #expect(report.localisation.allSatisfy { Set($0.areas.keys) == ["max", "less-normal", "softmax"] })
    #expect(try ZeroShot(clip(), prompts: prompts(), count: 60, seed: 3) == report)
  }
}
