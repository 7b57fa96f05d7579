import Foundation
import Imaging
import Testing
import TestSupport
import Torch

@testable import CLIP

/// Features of image files.
@Suite struct EmbeddedFilesTests {
  private let folder: TemporaryFolder
  private let files: [URL]

  init() throws {
    let folder = try TemporaryFolder("embedded")
    self.folder = folder
    files = try (0..<5).map { number in
      let (width, height) = (20 + 3 * number, 31)
      let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * (7 + number) / 5) }
      let file = folder.file("\(number).png")
      try ImageFile.writePNG(Image(width: width, height: height, channels: 3, pixels: pixels), to: file)
      return file
    }
  }

  private func model(_ change: (inout CLIPConfiguration.Vision) -> Void = { _ in }) throws -> CLIPModel {
    var configuration = CLIPConfiguration()
    configuration.vision.imageSize = 32
    (configuration.vision.patchSize, configuration.vision.layers) = (8, 2)
    (configuration.vision.hiddenSize, configuration.vision.intermediateSize) = (64, 128)
    (configuration.vision.heads, configuration.projectionSize) = (4, 24)
    configuration.text.vocabularySize = 514
    (configuration.text.hiddenSize, configuration.text.layers, configuration.text.heads) = (32, 1, 2)
    change(&configuration.vision)
    let model = try CLIPModel(
      configuration, tokenizer: .bytes(), preparation: ImagePreparation(size: 32), seed: 3)
    model.train(false)
    return model
  }

  @Test(arguments: [nil, DenseFeatures.maskclip])
  func theFeaturesOfAnImageDependOnNoOtherImageAndNoNumberOfThreads(_ dense: DenseFeatures?) throws {
    for model in [try model(), try model { $0.trunk = "convnext_atto" }] {
      let all = try model.features(of: files, dense: dense).map { try $0.get() }
      let serial = try Machine.withThreads(1) { try model.features(of: files, dense: dense) }
      for (index, file) in files.enumerated() {
        let alone = try model.features(of: [file], dense: dense)[0].get()
        let other = try serial[index].get()
        for found in [alone, other] {
          #expect(try found.image.isEqual(to: all[index].image))
          #expect(try found.dense.isEqual(to: all[index].dense))
        }
        // The tower that is trained computes the same but for rounding.
        let pixels = try model.preparation(ImageFile.read(file).rgb.tensor).expandedDimension(0)
        let wanted = try inferenceMode { try model.vision(pixels, dense: dense) }
        let far = try (all[index].image - wanted.image).magnitude().floats().max() ?? .nan
        #expect(far < 1e-4, "\(far)")
        #expect(all[index].dense.shape == wanted.dense.shape)
      }
    }
  }

  @Test func aBadFileIsNamedAndTheOthersAreEncoded() throws {
    let bad = folder.file("bad.png")
    try Data("no image".utf8).write(to: bad)
    let counts = Collector<Int>()
    let found = try model().features(of: [files[0], bad, files[1]]) { counts.add($0) }
    #expect(found.map { (try? $0.get()) != nil } == [true, false, true])
    #expect { try found[1].get() } throws: { "\($0)".contains("bad.png") }
    #expect(counts.all.sorted() == [1, 2, 3])
    #expect(try model().features(of: []).isEmpty)
  }
}
