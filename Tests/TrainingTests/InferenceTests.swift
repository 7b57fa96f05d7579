import CLIP
import Datasets
import Foundation
import Imaging
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// Views, scales and thresholds of predictions.
  @Suite("Inference")
  struct InferenceTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("inference") }

    /// The name in settings of a CLIP with a convolutional trunk.
    private func convolutional(_ trunk: String) throws -> String {
      var geometry = try JSONValue(json5File: Project.file("Configurations/vit-tiny-p8-64.json"))
      geometry.insert(.string(trunk), at: ["vision_config", "trunk"])
      let file = folder.file("trunk.json")
      try AtomicFile.write(json: geometry, to: file)
      return "random:\(file.path)"
    }

    /// An untrained run whose tower is a convolutional trunk.
    private func run(
      _ method: MethodChoice, _ changes: String..., trunk: String = "tf_efficientnet_lite0"
    ) throws -> Run {
      let tiny = try tiny(method, trunk)
      for change in changes { try tiny.configuration.set(change) }
      return try opened(tiny)
    }

    private func tiny(
      _ method: MethodChoice, _ trunk: String = "tf_efficientnet_lite0"
    ) throws -> TinyRun {
      let tiny = try TinyRun(method: method)
      tiny.configuration.clip = try convolutional(trunk)
      tiny.configuration.imageSize = 64
      return tiny
    }

    private func opened(_ tiny: TinyRun) throws -> Run {
      let (_, system) = try tiny.trainer()
      try system.saveWeights(to: tiny.run.weightsFile)
      let copy = folder.file("run-\(UUID().uuidString)")
      try FileManager.default.copyItem(at: tiny.run.url, to: copy)
      return try Run.open(at: copy, methods: tiny.configuration.methods)
    }

    /// A predictor under other settings of inference.
    private func predictor(
      _ run: Run, _ decoding: Predictor.Decoding = .whole,
      _ change: (inout InferenceConfiguration) -> Void = { _ in }
    ) throws -> Predictor {
      var settings = run.configuration
      change(&settings.inference)
      return Predictor(
        try run.compiledSystem(), settings, precision: .float32, decoding: decoding)
    }

    private func picture(_ width: Int, _ height: Int, _ name: String) throws -> URL {
      let generator = try Generator(seed: 5)
      let blobs = try Tensor.randomUniform([1, 3, 7, 9], low: 20, high: 235, generator: generator)
        .resized(height: height, width: width).squeezed(0)
      let (file, image) = (folder.file(name), try Image(blobs.to(.uint8)))
      try name.hasSuffix("png")
        ? ImageFile.writePNG(image, to: file) : ImageFile.writeJPEG(image, to: file)
      return file
    }

    private static let methods: [MethodChoice] = [
      .mcdrl, .baseline, (try? MethodRegistry.builtIn.method(named: "unet")) ?? .baseline,
    ]

    @Test(
      "The mean over scales is the mean of predictors that read the image at each size", arguments: methods)
    func scales(_ method: MethodChoice) throws {
      let run = try run(method)
      let several = try predictor(run) { $0.scales = [1, 0.5, 1.75] }
      #expect(several.sides == [64, 32, 128])
      for (decoding, file) in [
        (Predictor.Decoding.whole, try picture(90, 70, "a.png")),
        (.reduced, try picture(512, 256, "b.jpg")), (.reduced, try picture(90, 70, "c.png")),
      ] {
        let several = try predictor(run, decoding) { $0.scales = [1, 0.5, 1.75] }
        let found = try several.probability(of: file)
        let parts = try [64, 32, 128].map { side in
          var settings = run.configuration
          settings.imageSize = side
          return try Predictor(
            run.compiledSystem(), settings, precision: .float32, decoding: decoding
          ).probability(of: file)
        }
        #expect(try difference(found, (parts[0] + parts[1] + parts[2]) / 3) < 1e-6)
        #expect(try difference(parts[0], parts[2]) > 1e-4)
      }
    }

    @Test(
      "In every arithmetic a compiled trunk takes other sizes than S",
      arguments: ["tf_efficientnet_lite0", "convnext_atto"],
      [.float32] + (Machine.hasBFloat16 ? [.bfloat16] : []) + (Machine.hasInt8 ? [.int8] : [])
        as [Precision])
    func compiled(trunk: String, precision: Precision) throws {
      let run = try run(.mcdrl, trunk: trunk)
      let pixels = try Tensor.randomUniform([1, 3, 96, 96], low: 0, high: 1, generator: Generator(seed: 6))
      let exact = try run.trainedSystem().probabilities(pixels)
      let found = try run.compiledSystem(for: precision).probabilities(pixels)
      #expect(try difference(found, exact) < (precision == .float32 ? 1e-4 : 0.1))
    }

    @Test("With turns a turned image has the turned prediction", arguments: [false, true], methods)
    func turns(flips: Bool, _ method: MethodChoice) throws {
      let run = try run(method)
      let plain = try predictor(run)
      let mean = try predictor(run) { ($0.turns, $0.flips) = (true, flips) }
      let images = try Tensor.randomUniform([2, 3, 64, 64], low: 0, high: 1, generator: Generator(seed: 3))
      let straight = try mean.probabilities(images, cached: nil)
      for quarter in Symmetry.turns {
        let turned = try quarter.restored(mean.probabilities(quarter.moved(images), cached: nil))
        #expect(try difference(turned, straight) < 1e-5)
      }
      let flipped = try mean.probabilities(images.flipped([3]), cached: nil).flipped([3])
      #expect(try (difference(flipped, straight) < 1e-5) == flips)
      let views = flips ? Symmetry.all : Symmetry.turns
      #expect(mean.configuration.inference.passes == views.count)
      let parts = try views.map { try $0.restored(plain.probabilities($0.moved(images), cached: nil)) }
      #expect(try difference(Tensor.stacked(parts).mean([0]), straight) < 1e-5)
    }

    @Test("The views are different, and each is undone exactly")
    func symmetries() throws {
      let image = try Tensor.seeded([1, 2, 5, 5], 1)
      let moved = try Symmetry.all.map { try $0.moved(image) }
      for (first, one) in moved.enumerated() {
        #expect(try Symmetry.all[first].restored(one).isEqual(to: image))
        for other in moved[..<first] { #expect(try !one.isEqual(to: other)) }
      }
      let quarter = Symmetry.turns[1]
      #expect(try quarter.moved(quarter.moved(image)).isEqual(to: image.flipped([2, 3])))
      #expect(try Symmetry.turns[3].moved(quarter.moved(image)).isEqual(to: image))
    }

    @Test("Views of a large scale go through the network in parts")
    func chunks() throws {
      let run = try run(.baseline)
      let mean = try predictor(run) { ($0.turns, $0.flips) = (true, true) }
      // Two images of 576 px leave room for three of the eight views in a pass.
      let large = try Tensor.randomUniform([2, 3, 576, 576], low: 0, high: 1, generator: Generator(seed: 4))
      let parts = try Symmetry.all.map {
        try $0.restored(mean.system.probabilities($0.moved(large)))
      }
      #expect(
        try difference(mean.probabilities(large, cached: nil), Tensor.stacked(parts).mean([0])) < 1e-5)
    }

    @Test("Cached features are used at scale 1 alone")
    func cached() throws {
      let tiny = try tiny(.baseline)
      (tiny.configuration.tune, tiny.configuration.augmentation) = (.none, .none)
      let run = try opened(tiny)
      let images = Array(try TinyRun.sites.get()[0].samples.prefix(2))
      let encoder = try #require(try run.trainedSystem().frozenEncoder())
      let pixels = try SampleBank(images, reader: run.configuration.reader).batch([0, 1]).images
      let (own, others) = (
        try encoder(pixels.narrowed(dim: 0, start: 0, length: 1)),
        try encoder(pixels.narrowed(dim: 0, start: 1, length: 1))
      )
      for (scales, usesCache) in [([1], true), ([1, 1.5], true), ([1.5], false)] {
        let predictor = try predictor(run) { $0.scales = scales }
        let seen = try predictor.look(at: images[0].image, keepingPicture: false)
        let without = try seen.probability(predictor)
        #expect(try difference(seen.probability(predictor, cached: own), without) < 1e-5)
        // Another image's features show where they are read.
        #expect(try (difference(seen.probability(predictor, cached: others), without) > 1e-5) == usesCache)
      }
    }

    @Test("Masks, scores and files follow the run's own rule, and a number given instead wins")
    func threshold() throws {
      let run = try run(.baseline, "inference.threshold=dice")
      let predictor = try run.predictor(precision: .float32)
      #expect(predictor.threshold == .dice)
      for sample in try TinyRun.sites.get()[2].testSamples.prefix(2) {
        let probability = try predictor.probability(of: sample.image)
        let wanted = try BinaryMask(
          probability.atLeast(MaskThreshold.dice.level(of: probability)))
        #expect(try predictor.mask(of: sample.image) == wanted)
        #expect(try predictor.mask(of: ImageFile.read(sample.image)) == wanted)
        #expect(try predictor.masks(sample).prediction == wanted)
        let scores = try ImageScores(
          prediction: wanted, reference: predictor.masks(sample).reference, tolerance: 2)
        #expect(try predictor.assess(sample, tolerance: 2).scores == scores)
        let low = try run.predictor(precision: .float32, threshold: 0.01)
        #expect(try low.threshold == 0.01 && low.mask(of: sample.image) != wanted)
      }
    }

    @Test("The line for every output names mean and rule where they are not the defaults")
    func statement() throws {
      let run = try run(.baseline)
      let plain = "computing in float32 on images decoded whole"
      #expect(try predictor(run).statement == plain)
      let all = try predictor(run) {
        $0.scales = [1, 1.25, 1.5]
        ($0.flips, $0.turns, $0.threshold) = (true, true, .dice)
      }
      let rule =
        "lesion from the level of probability with the highest expected Dice, for each image by itself"
      #expect(all.statement == "\(plain); mean of 24 passes: 8 views at 3 scales; \(rule)")
      #expect(all.singlePassStatement == "\(plain); \(rule)")
      #expect(try predictor(run) { $0.turns = true }.statement == "\(plain); mean of 4 passes: 4 views")
      #expect(
        try predictor(run) { ($0.scales, $0.threshold) = ([1, 2], 0.25) }.statement
          == "\(plain); mean of 2 passes: 2 scales; lesion from a probability of at least 0.25")
    }

    @Test("Towers with position embeddings take no other scale, in training and in prediction")
    func positions() throws {
      let tiny = try TinyRun(method: .baseline)
      try tiny.configuration.set("inference.scales=[1, 1.5]")
      let training = message { _ = try tiny.trainer() }
      #expect(training.contains("inference.scales is [1.0, 1.5]"))
      #expect(training.contains("vision transformer"))
      #expect(training.contains("must be [1]"))
      // A method that ignores the tower can.
      tiny.configuration.model.method = try MethodRegistry.builtIn.method(named: "unet")
      _ = try tiny.trainer()
      // A run whose file was changed.
      let other = try TinyRun(method: .baseline)
      let run = try opened(other)
      var changed = run.configuration
      changed.inference.scales = [0.5, 1]
      try run.folder.write(changed, to: run.folder.configurationFile)
      let predicting = message { _ = try Run.open(at: run.folder.url).predictor() }
      #expect(predicting.contains(run.folder.configurationFile.path))
      #expect(predicting.contains("inference.scales"))
      changed.inference.scales = [1]
      try run.folder.write(changed, to: run.folder.configurationFile)
      _ = try Run.open(at: run.folder.url).predictor()
    }

    @Test(
      "A side is the nearest multiple of 32, and 1 is S itself",
      arguments: [(1.0, 100, 100), (1.25, 128, 160), (1.5, 352, 544), (0.5, 40, 32), (3, 16, 64)])
    func sides(scale: Double, size: Int, side: Int) {
      var settings = InferenceConfiguration()
      settings.scales = [scale]
      #expect(settings.sides(size) == [side])
    }

    @Test("Settings are read, checked and stored")
    func settings() throws {
      var settings = RunConfiguration()
      for change in ["flips=true", "turns=true", "scales=[1, 1.25, 1.5]", "threshold=dice"] {
        try settings.set("inference.\(change)")
      }
      try settings.validateValues()
      #expect(settings.inference.passes == 24 && settings.inference.threshold == .dice)
      let stored = try JSONValue(encoding: settings)
      #expect(try RunConfiguration(stored: stored, methods: .builtIn, source: "s") == settings)
      try settings.set("inference.threshold=0.25")
      #expect(settings.inference.threshold == 0.25)
      #expect(RunConfiguration().inference.threshold == 0.5 && RunConfiguration().inference.passes == 1)

      for change in [
        "scales=[]", "scales=[0.4]", "scales=[1, 3.5]", "scales=[1, 1]", "scales=[1.5]",
        "scales=[1,2,0.5,0.6,0.7,0.8,0.9,1.5,1.6]",
        "threshold=1.5", "threshold=-0.1",
      ] {
        var wrong = RunConfiguration()
        try wrong.set("inference.\(change)")
        let name = change.prefix { $0 != "=" }
        #expect(message { try wrong.validateValues() }.hasPrefix("inference.\(name) is"), "\(change)")
      }
      let word = message { try settings.set("inference.threshold=iou") }
      #expect(word.contains("a number from 0 to 1, or dice"), "\(word)")
    }

    @Test("A run of an earlier version, which lacks the settings, predicts as it did")
    func earlier() throws {
      let run = try run(.baseline)
      let file = run.folder.configurationFile
      var settings = try JSONValue(json5File: file)
      settings.insert(.object(["flips": .bool(false)]), at: ["inference"])
      try AtomicFile.write(json: settings, to: file)
      let opened = try Run.open(at: run.folder.url)
      #expect(opened.configuration.inference == InferenceConfiguration())
      #expect(try opened.predictor().threshold == 0.5)
    }
  }
}
