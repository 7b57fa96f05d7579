import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// A run as a program makes, trains and uses it.
  @Suite("Runs")
  struct RunTests {
    private let folder: TemporaryFolder
    private let clip = ClipSource.random(Project.file("Configurations/vit-tiny-p8-64.json"))

    init() throws { folder = try TemporaryFolder("run") }

    /// A small run of two sites, the third held out.
    private func create(
      _ name: String, data: URL? = nil, prompts: PromptSet? = nil,
      _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      try Run.create(
        at: folder.file(name), data: SiteCatalog(at: data ?? TinyRun.data.get()), holdOut: "site-c",
        clip: clip,
        prompts: prompts ?? TinyRun.prompts.get()
      ) {
        #expect($0.imageSize == 64, "the CLIP model's own")
        ($0.imageSize, $0.epochs, $0.seed) = (32, 2, 5)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8, 16], 16)
        try settings(&$0)
      }
    }

    private func weights(_ run: Run) throws -> Data { try Data(contentsOf: run.folder.weightsFile) }

    @Test("A run is created, trained, opened and used in a few lines")
    func story() throws {
      let run = try create("story")
      #expect(run.configuration.sources == ["site-a", "site-b"] && run.configuration.holdOut == "site-c")
      #expect(run.configuration.tune == .all, "random weights learn everything")
      #expect(run.folder.exists && !run.folder.hasState && run.prompts.confounders.count == 12)
      let events = Collector<String>()
      let metrics = try run.train { events.add($0.description) }
      #expect(metrics.count == 2 && metrics.allSatisfy { $0.validationDice != nil })
      #expect(try run.history() == metrics)
      #expect(events.all.contains { $0.hasPrefix("reading image 80 of 80") })
      #expect(events.all.filter { $0.hasPrefix("epoch 2, step ") }.count == 4)
      #expect(events.all.contains { $0.hasPrefix("epoch 2 of 2") })
      #expect(try PrecisionCheck.stored(in: run.folder)?.images == 12)

      let opened = try Run.open(at: folder.file("story"))
      #expect(opened.configuration == run.configuration && opened.prompts == run.prompts)
      let image = try #require(SiteCatalog(at: TinyRun.data.get()).site("site-c").testSamples.first).image
      let mask = try opened.predictor().mask(of: image)
      #expect(mask.width == 32)
      #expect(try mask == run.predictor().mask(of: image))

      // A finished run is left as it is.
      let before = try weights(run)
      #expect(try opened.train().map(\.loss) == metrics.map(\.loss))
      #expect(try weights(run) == before)
    }

    @Test("The site that is held out takes no part: noise in its place changes no weight and no choice")
    func heldOut() throws {
      let copy = folder.file("data")
      try FileManager.default.copyItem(at: TinyRun.data.get(), to: copy)
      let first = try create("first", data: copy)
      let metrics = try first.train()
      let catalog = try SiteCatalog(at: copy)
      for (number, sample) in try catalog.site("site-c").allSamples.enumerated() {
        let noise = try Tensor.randomUniform(
          [3, 32, 32], high: 255, generator: Generator(seed: UInt64(number)))
        try ImageFile.writePNG(Image(noise.to(.uint8)), to: sample.image)
        let mask = try Image(width: 32, height: 32, channels: 1, pixels: Array(repeating: 255, count: 1024))
        try MaskFile.writeBinary(mask, to: #require(sample.mask))
      }
      let second = try create("second", data: copy)
      let again = try second.train()
      #expect(try weights(first) == weights(second))
      func plain(_ metrics: [EpochMetrics]) -> [EpochMetrics] {
        metrics.map {
          var epoch = $0
          (epoch.seconds, epoch.waited) = (0, 0)
          return epoch
        }
      }
      #expect(plain(metrics) == plain(again))
      // Nor was it hashed: what is known of the data is the sources'.
      let known = try JSONDecoder().decode(
        Fingerprint.self, from: Data(contentsOf: second.folder.fingerprintFile))
      #expect(known.data.keys.sorted() == ["site-a", "site-b"])
      #expect(
        try Data(contentsOf: first.folder.fingerprintFile) == Data(contentsOf: second.folder.fingerprintFile))
      // Noise in a source's place is another matter.
      for sample in try catalog.site("site-a").samples {
        let noise = try Tensor.randomUniform([3, 32, 32], high: 255, generator: Generator(seed: 99))
        try ImageFile.writePNG(Image(noise.to(.uint8)), to: sample.image)
      }
      let third = try create("third", data: copy)
      try third.train()
      #expect(try weights(third) != weights(first))
    }

    @Test("Stopped and opened again, with cached features or without, a run ends as an uninterrupted one")
    func resumed() throws {
      func settings(_ configuration: inout RunConfiguration) {
        (configuration.tune, configuration.augmentation) = (.last(1), .none)
      }
      let whole = try create("whole", settings)
      try whole.train()
      #expect(!FileManager.default.fileExists(atPath: whole.folder.cacheFolder.path), "its cache is removed")
      let parts = try create("parts", settings)
      let steps = Tally()
      #expect(throws: TrainingError.interrupted(epoch: 2, step: 1)) {
        try parts.train(
          TrainingProgress({ if case .step = $0 { steps.add() } }, shouldStop: { steps.value >= 5 }))
      }
      try Run.open(at: folder.file("parts")).train()
      #expect(try weights(whole) == weights(parts))
      #expect(
        try TinyRun.tensors(whole.folder.stateFile) == TinyRun.tensors(parts.folder.stateFile))
    }

    @Test("What cannot be a run leaves no folder behind, and says what is wrong")
    func refused() throws {
      func error(
        _ text: String, prompts: PromptSet? = nil, _ settings: (inout RunConfiguration) throws -> Void
      ) {
        let found = message { _ = try create("refused", prompts: prompts, settings) }
        #expect(found.contains(text), "\(found)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("refused").path), "\(text)")
      }
      error("epochs is 0") { $0.epochs = 0 }
      error("model.options.start is 2.0") {
        $0.model.method = .mcdrl
        $0.mcdrlOptions.start = 2
      }
      error("site-c must not be among them") { $0.sources = ["site-a", "site-c"] }
      error("elsewhere") { $0.sources = ["elsewhere"] }
      error("last-9 asks for more layers") { $0.tune = .last(9) }
      error("confounders") { $0.confounders = 13 }
      var plain = try TinyRun.prompts.get()
      for group in plain.groups.indices {
        for index in plain.groups[group].confounders.indices {
          plain.groups[group].confounders[index].mechanism = nil
          plain.groups[group].confounders[index].strength = nil
        }
      }
      error("interventions.share=0", prompts: plain) { _ in }
      var other = try TinyRun.prompts.get()
      other.classes = ["wart"]
      let found = message { _ = try create("refused", prompts: other) }
      #expect(found.contains("is not among the prompts' classes (wart)"), "\(found)")

      let run = try create("run")
      try run.train()
      #expect(throws: RunError.exists(folder.file("run"))) { try create("run") }
      #expect(throws: RunError.notARun(folder.file("none"))) { try Run.open(at: folder.file("none")) }
      let fresh = try create("fresh")
      #expect(throws: RunError.noWeights(fresh.folder.weightsFile)) { try fresh.predictor() }
    }

    @Test(
      "A file of a run that is missing or damaged is named",
      arguments: ["config.json", "prompts.json5", "clip.json", "model.safetensors", "precision.json"],
      [true, false])
    func damaged(file: String, isGone: Bool) throws {
      let tiny = try TinyRun(method: .baseline, epochs: 1)
      try tiny.trainer().trainer.train()
      try tiny.run.write(
        PrecisionCheck(images: 1, dice: ["float32": 0.5], processor: "any"), to: tiny.run.precisionFile)
      let url = tiny.run.url.appendingPathComponent(file)
      if isGone { try FileManager.default.removeItem(at: url) } else { try Data("{".utf8).write(to: url) }
      let found = message { _ = try tiny.open().predictor() }
      // What was not measured is computed as trained.
      if file == "precision.json", isGone { return #expect(found.isEmpty, "\(found)") }
      let place = file == "config.json" && isGone ? tiny.run.url.path : url.path
      #expect(found.contains(place), "\(found)")
      if file == "precision.json" {
        // The message says to state the arithmetic.
        #expect(try tiny.open().predictor(precision: .float32).precision == .float32)
      }
    }

    @Test("State without weights, and weights without state, are named and not trained over")
    func lost() throws {
      let run = try create("lost")
      try run.train()
      let (state, weights) = (run.folder.stateFile, run.folder.weightsFile)
      let kept = folder.file("kept")
      for file in [state, weights] {
        try FileManager.default.moveItem(at: file, to: kept)
        let found = message { try Run.open(at: folder.file("lost")).train() }
        #expect(found.contains(file.path), "\(found)")
        try FileManager.default.moveItem(at: kept, to: file)
      }
      try Run.open(at: folder.file("lost")).train()
    }
  }
}
