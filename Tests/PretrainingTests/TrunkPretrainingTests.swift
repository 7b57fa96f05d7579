import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Storage
import SyntheticEndoscopy
import TestSupport
import Testing
import Torch

@testable import Pretraining

/// Words that are trained for a locked image trunk, on sites with masks.
@Suite("Words for a trunk", .serialized)
struct TrunkPretrainingTests {
  private let size = 64

  private func prompts() throws -> PromptSet {
    try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
  }

  private func clip(_ images: CaptionedImages, _ settings: PretrainingConfiguration) throws -> CLIPModel {
    var geometry = CLIPConfiguration()
    geometry.projectionSize = 16
    geometry.vision.trunk = "tf_efficientnet_lite0"
    geometry.vision.imageSize = size
    (geometry.text.hiddenSize, geometry.text.intermediateSize) = (16, 32)
    (geometry.text.layers, geometry.text.heads, geometry.text.positions) = (1, 1, 48)
    let tokenizer = try Tokenizer.bytes()
    geometry.text.vocabularySize = tokenizer.count
    geometry.text.endToken = tokenizer.endToken
    let clip = try CLIPModel(
      geometry, tokenizer: tokenizer, preparation: ImagePreparation(size: size), seed: 1)
    clip.vision.learnsStatistics = false
    return clip
  }

  private func sites() throws -> (SiteCatalog, URL) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trunk-\(UUID().uuidString)")
    try SyntheticDataset(
      world: World(sites: 2, seed: 1), perSite: 12, testPerSite: 4, size: size, format: .png, sweep: 0,
      captions: { _, _ in [] }
    ).write(to: folder)
    return (try SiteCatalog(at: folder), folder)
  }

  private func settings(_ steps: Int) -> PretrainingConfiguration {
    var settings = PretrainingConfiguration()
    (settings.steps, settings.batchSize, settings.saveEvery) = (steps, 8, 2)
    settings.tunedStages = 0
    settings.interventionShare = 0.5
    settings.maskWeight = 1
    settings.densePositions = 1
    return settings
  }

  @Test("The locked trunk keeps its weights, words and projection learn; resumed equals uninterrupted")
  func locked() throws {
    let (catalog, folder) = try sites()
    defer { try? FileManager.default.removeItem(at: folder) }
    let images = try CaptionedImages(
      samples: catalog.sites.flatMap(\.samples), reader: SampleReader(size: size), prompts: prompts())
    func trainer(_ name: String, resuming: Bool = false) throws -> (ContrastiveTrainer, CLIPModel) {
      let clip = try clip(images, settings(4))
      return (
        try ContrastiveTrainer(
          configuration: settings(4), clip: clip, images: images,
          stateFile: folder.appendingPathComponent(name), resuming: resuming), clip
      )
    }
    let (whole, expected) = try trainer("whole")
    let before = try expected.state().mapValues { try $0.detached().copy() }
    let metrics = try whole.train()
    #expect(metrics.allSatisfy { $0.loss.isFinite })
    for (key, tensor) in expected.state() {
      let isSame = try tensor.isEqual(to: #require(before[key]))
      #expect(isSame == key.hasPrefix("visual.trunk."), "\(key)")
    }
    let (first, _) = try trainer("parts")
    #expect(throws: PretrainingError.self) { try first.train(shouldStop: { first.step == 3 }) }
    let (second, found) = try trainer("parts", resuming: true)
    #expect(try second.train().map(\.loss) == metrics.map(\.loss))
    for (key, tensor) in expected.state() {
      #expect(try #require(found.state()[key]).isEqual(to: tensor), "\(key)")
    }
  }

  @Test("The last stages of a trunk can be trained, those before stay")
  func tuned() throws {
    let images = try CaptionedImages(rendering: 16, size: size, seed: 2, prompts: prompts())
    let folder = try TemporaryFolder("tuned")
    var settings = settings(2)
    settings.tunedStages = 2
    settings.trunkLearningRate = 1e-3
    let clip = try clip(images, settings)
    let before = try clip.state().mapValues { try $0.detached().copy() }
    try ContrastiveTrainer(
      configuration: settings, clip: clip, images: images, stateFile: folder.file("state"), resuming: false
    ).train()
    func isSame(_ key: String) throws -> Bool {
      try #require(clip.state()[key]).isEqual(to: #require(before[key]))
    }
    #expect(try isSame("visual.trunk.blocks.4.0.conv_pw.weight"))
    #expect(try !isSame("visual.trunk.blocks.5.0.conv_pw.weight"))
    #expect(try !isSame("visual.trunk.conv_head.weight"))
  }

  @Test("Captions name the class or normality, and do(z) adds the words of z alone")
  func captions() throws {
    let (catalog, folder) = try sites()
    defer { try? FileManager.default.removeItem(at: folder) }
    let prompts = try prompts()
    let images = try CaptionedImages(
      samples: catalog.sites.flatMap(\.samples), reader: SampleReader(size: size), prompts: prompts)
    let scenes = try #require(images.scenes)
    #expect(images.count == 24 && scenes.lesions.count == 24)
    for row in 0..<images.count {
      let lesion = scenes.lesions[row]
      #expect(images.captions[row] == prompts.captions(lesion: lesion, confounders: []))
      #expect(
        Set(scenes.captions(row, doing: "blur"))
          == Set(prompts.captions(lesion: lesion, confounders: ["blur"])))
    }
    let all = images.sentences(for: settings(1))
    #expect(all.isSuperset(of: prompts.captions(lesion: scenes.lesions[0], confounders: ["blood"])))
  }

  @Test("A training is the same bit for bit whatever part of the images of sites fits the memory")
  func memory() throws {
    let (catalog, folder) = try sites()
    defer { try? FileManager.default.removeItem(at: folder) }
    let samples = catalog.sites.flatMap(\.samples)
    let rendered = try CaptionedImages(rendering: 8, size: size, seed: 2, prompts: prompts())
    @Sendable func images(_ count: Int, _ processes: Processes = .alone) throws -> CaptionedImages {
      try CaptionedImages(
        samples: samples, reader: SampleReader(size: size), prompts: prompts(),
        memoryLimit: count * 4 * size * size, sharedBy: processes)
    }
    let whole = try images(samples.count)
    // Rows of both kinds, out of order and twice.
    let rows = [25, 3, 30, 0, 23, 3, 24]
    let batch = try whole.joined(with: rendered).batch(rows)
    for (place, row) in rows.enumerated() {
      let one = try row < 24 ? whole.batch([row]) : rendered.batch([row - 24])
      #expect(try batch.pixels.narrowed(dim: 0, start: place, length: 1).isEqual(to: one.pixels))
      let masks = try #require(batch.masks).narrowed(dim: 0, start: place, length: 1)
      #expect(try masks.isEqual(to: #require(one.masks)))
    }
    func losses(_ images: CaptionedImages, _ name: String) throws -> [Double] {
      try ContrastiveTrainer(
        configuration: settings(2), clip: clip(images, settings(2)), images: images,
        stateFile: folder.appendingPathComponent(name), resuming: false
      ).train().map(\.loss)
    }
    let expected = try losses(whole.joined(with: rendered), "whole")
    for count in [0, 5] {
      let part = try images(count)
      #expect(part.undecodedCount == samples.count - count && part.captions == whole.captions)
      #expect(try losses(part.joined(with: rendered), "part \(count)") == expected)
    }
    for part in try RankThreads.run(2, { try images(5, $0) }) {
      #expect(part.captions == whole.captions)
      #expect(try part.batch([23, 1]).pixels.isEqual(to: whole.batch([23, 1]).pixels))
    }
  }

  @Test("Captions alone allow no interventions and no mask loss; a lesion without a class is named")
  func faults() throws {
    let folder = try TemporaryFolder("captions")
    try ImageFile.writePNG(
      Image(width: 64, height: 64, channels: 3, pixels: [UInt8](repeating: 90, count: 64 * 64 * 3)),
      to: folder.file("a.png"))
    try Data(#"{"image": "a.png", "captions": ["one"]}"#.utf8).write(to: folder.file("captions.jsonl"))
    let one = try CaptionedImages(folder: folder.url, reader: SampleReader(size: size))
    let images = try one.joined(with: one)
    var settings = settings(1)
    settings.batchSize = 2
    #expect(throws: PretrainingError.noScenes) {
      try ContrastiveTrainer(
        configuration: settings, clip: clip(images, settings), images: images,
        stateFile: folder.file("state"), resuming: false)
    }
    let site = folder.url.appendingPathComponent("data/a")
    for part in ["images", "masks"] {
      try FileManager.default.createDirectory(
        at: site.appendingPathComponent(part), withIntermediateDirectories: true)
      try ImageFile.writePNG(
        Image(width: 64, height: 64, channels: 1, pixels: (0..<64 * 64).map { $0 % 64 < 32 ? 0 : 255 }),
        to: site.appendingPathComponent("\(part)/1.png"))
    }
    let samples = try SiteCatalog(at: folder.url.appendingPathComponent("data")).sites.flatMap(\.samples)
    #expect(throws: PretrainingError.noClass(samples[0].image)) {
      try CaptionedImages(samples: samples, reader: SampleReader(size: size), prompts: prompts())
    }
  }

  @Test("The mask loss falls when lesion words point to lesion positions")
  func masked() throws {
    let masks = try Tensor.zeros([1, 1, 8, 8])
    try masks.narrowed(dim: 3, start: 4, length: 4).assign(.ones([1, 1, 8, 4]))
    let (lesion, normal) = (try Tensor([1, 0] as [Float], shape: [1, 2]), try Tensor([0, 1] as [Float]))
    func loss(_ left: [Float], _ right: [Float]) throws -> Double {
      try ContrastiveObjective.masked(
        dense: Tensor(left + right, shape: [1, 1, 2, 2]), lesions: lesion, normal: normal, masks: masks,
        scale: .scalar(5)
      ).item()
    }
    let (right, wrong) = (try loss([0, 1], [1, 0]), try loss([1, 0], [0, 1]))
    #expect(abs(right - log(1 + exp(-5))) < 1e-5)
    #expect(abs(wrong - log(1 + exp(5))) < 1e-4)
  }
}
