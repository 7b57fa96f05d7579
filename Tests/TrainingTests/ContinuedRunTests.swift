import Foundation
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Datasets
@testable import Training

extension TrainingRuns {
  /// Runs that begin with the weights of another run.
  @Suite("Continued runs")
  struct ContinuedRunTests {
    private let folder: TemporaryFolder
    private let sites: [Site]

    init() throws {
      folder = try TemporaryFolder("continued")
      sites = try TinyRun.sites.get()
    }

    private func first(
      _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      let run = try Run.create(
        at: folder.file("first"), data: SiteCatalog(at: TinyRun.data.get()), holdOut: "site-c",
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed) = (32, 1, 5)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
        $0.model.method = .baseline
        try settings(&$0)
      }
      try run.train()
      return run
    }

    private func next(
      _ name: String, from run: Run, _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      try Run.create(
        at: folder.file(name), data: SiteCatalog(at: TinyRun.data.get()), continuing: run
      ) {
        $0.sources = ["site-c"]
        try settings(&$0)
      }
    }

    @Test("Before its first step a continued run has the weights of the other; its settings and words, too")
    func weights() throws {
      let first = try first()
      let opened = try Run.open(at: folder.file("first"))
      let hash = try Fingerprint.hash(of: first.trainedSystem())
      // The run keeps others out of its folder as long as it lives.
      do {
        let run = try next("next", from: opened) { $0.optimizer.learningRate = 0.002 }
        #expect(try Fingerprint.hash(of: run.freshSystem()) == hash)
        #expect(try Fingerprint.hash(of: run.freshSystem()) == hash, "also read from its own folder")
        #expect(run.prompts == first.prompts && run.configuration.holdOut == nil)
        #expect(run.configuration.sources == ["site-c"] && run.configuration.optimizer.learningRate == 0.002)
        #expect(run.configuration.model == first.configuration.model && run.configuration.seed == 5)
      }

      // The folder keeps what it needs.
      try FileManager.default.removeItem(at: first.folder.url)
      let again = try Run.open(at: folder.file("next"))
      try again.train()
      #expect(try Fingerprint.hash(of: again.trainedSystem()) != hash)
      #expect(try again.predictor().mask(of: sites[0].samples[0].image).width == 32)
    }

    @Test("Images that an ancestor was trained on are known, and a site of them is not scored as new")
    func lineage() throws {
      let first = try first()
      let run = try next("next", from: first)
      #expect(try run.role(of: sites[0]) == .source && run.role(of: sites[2]) == .source)
      #expect(try run.continues(first))
      #expect(try first.folder.fingerprint()?.ancestors == nil)
      try run.train()
      let third = try next("third", from: run) { $0.sources = ["site-b"] }
      let ancestors = try #require(try third.folder.fingerprint()?.ancestors)
      #expect(ancestors.map { $0.images.keys.sorted() } == [["site-c"], ["site-a", "site-b"]])
      #expect(try third.continues(run) && !third.continues(first))

      // The test images of rendered sites are others, so the own images stand for them here.
      let own = Site(name: "site-a", samples: sites[0].samples)
      try first.requireUnseen(sites[2])
      let known = RunError.ancestorKnowsSite(
        first.folder.url, site: "site-a", images: own.samples.count)
      #expect(throws: known) { try first.requireUnseen(own) }
      #expect(throws: RunError.self) { try third.requireUnseen(own) }
    }

    @Test("Validation images that an ancestor has read neither choose masks nor calibrate nor score")
    func overlapping() throws {
      let first = try first()
      let run = try next("next", from: first)
      #expect(try !run.validationSamples().isEmpty && !run.validation(of: sites[2]).isEmpty)
      let overlapping = try next("overlapping", from: first) { $0.sources = ["site-a", "site-c"] }
      #expect(try Set(overlapping.validationSamples().map(\.site)) == ["site-c"])
      #expect(overlapping.validation(of: sites[0]).isEmpty)
      let data = try SiteCatalog(at: TinyRun.data.get())
      #expect(try overlapping.familiarSites(data).map(\.site.name) == ["site-c"])
    }

    @Test("A rule of masks that was chosen for the weights is not that of a run that continues")
    func rule() throws {
      _ = try first()
      let run = try Run.open(at: folder.file("first")) { $0.inference.threshold = 0.3 }
      #expect(try run.continuation().inference.rule == MaskRule(0.3))
      try Data("{}".utf8).write(to: run.folder.maskRuleFile)
      #expect(try run.continuation().inference.rule == MaskRule(0.5))
    }

    @Test("What the weights depend on cannot change, and the message names it")
    func fixed() throws {
      let first = try first()
      func refused(_ name: String, _ settings: (inout RunConfiguration) throws -> Void) {
        let text = message { _ = try next("refused", from: first, settings) }
        #expect(text.contains(name) && text.contains(first.folder.url.path), "\(text)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("refused").path), "\(name)")
      }
      refused("model.head.gridWidth: it is 8") { $0.model.head.gridWidth = 16 }
      refused("model.method: it is baseline") { $0.model.method = .mcdrl }
      refused("imageSize: it is 32") { $0.imageSize = 64 }
      refused("clip: it is ") { $0.clip = "random:other.json" }
      refused("confounders: it is null") { $0.confounders = 3 }
      let many = message { _ = try next("refused", from: first) { $0.tune = .last(9) } }
      #expect(many.contains("last-9"), "\(many)")

      // Without the list of its images a run cannot be an ancestor.
      var stored = try #require(JSONValue(json5: Data(contentsOf: first.folder.fingerprintFile)).members)
      stored["images"] = nil
      try AtomicFile.write(json: stored, to: first.folder.fingerprintFile)
      #expect(throws: RunError.unlistedImages(first.folder.fingerprintFile)) {
        try next("refused", from: first)
      }
    }

    @Test("A continued run that is stopped and resumed ends as an uninterrupted one, with frozen layers, too")
    func resumed() throws {
      let first = try first()
      func settings(_ configuration: inout RunConfiguration) {
        (configuration.tune, configuration.epochs, configuration.batchSize) = (.last(1), 2, 8)
        configuration.averaging = .exponential(decay: 0.9)
      }
      let whole = try next("whole", from: first, settings)
      try whole.train()
      let parts = try next("parts", from: first, settings)
      let steps = Tally()
      #expect(throws: TrainingError.self) {
        try parts.train(
          TrainingProgress({ if case .step = $0 { steps.add() } }, shouldStop: { steps.value >= 5 }))
      }
      try Run.open(at: folder.file("parts")).train()
      #expect(
        try Data(contentsOf: whole.folder.weightsFile) == Data(contentsOf: parts.folder.weightsFile))
    }

    @Test("The intervention of weights that were trained with it is on from the first epoch")
    func intervention() throws {
      let first = try first {
        $0.model.method = .mcdrl
        ($0.epochs, $0.selection) = (2, .last)
      }
      #expect(try first.intervenes() && first.configuration.mcdrl?.start == 0.2)
      let run = try next("next", from: first)
      #expect(run.configuration.mcdrl?.start == 0)
      #expect(try run.train().allSatisfy(\.intervening))
    }
  }
}
