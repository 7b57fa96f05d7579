import Foundation
import Imaging
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Datasets
@testable import Training

extension TrainingRuns {
  /// The rule of masks: obeyed by every prediction, and chosen on validation.
  @Suite("Rule of masks of a run")
  struct MaskTuningTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("masks") }

    /// A run of a data folder's first two sites.
    private func create(
      data: URL, _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      try Run.create(
        at: folder.file("run-\(UUID().uuidString)"), data: SiteCatalog(at: data), holdOut: "site-c",
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.model.method) = (32, 1, .baseline)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
        try settings(&$0)
      }
    }

    @Test("Masks and scores follow smallest lesion and holes, and the statement names them")
    func obeyed() throws {
      let tiny = try TinyRun(method: .baseline)
      let system = try tiny.trainer().system.compiled()
      let sample = try #require(try TinyRun.sites.get()[2].testSamples.first)
      let plain = Predictor(system, tiny.configuration, precision: .float32)
      let probability = try plain.probability(of: sample.image)
      let sorted = try probability.doubles().sorted()
      let middle = MaskThreshold.fixed(sorted[sorted.count / 2])
      for (smallest, holes) in [(0.0, 0.0), (30, 0), (0, 1000), (30, 10)] {
        var settings = tiny.configuration
        (settings.inference.smallestLesion, settings.inference.fillHoles) = (smallest, holes)
        let predictor = Predictor(system, settings, precision: .float32, threshold: middle)
        let rule = MaskRule(middle, smallestLesion: smallest, fillHoles: holes)
        #expect(predictor.rule == rule && predictor.inference.rule == rule)
        let wanted = try BinaryMask(rule.mask(probability))
        #expect(try predictor.mask(of: sample.image) == wanted)
        #expect(try predictor.mask(of: ImageFile.read(sample.image)) == wanted)
        let masks = try predictor.masks(sample)
        #expect(masks.prediction == wanted)
        let scores = try ImageScores(prediction: wanted, reference: masks.reference, tolerance: 2)
        #expect(try predictor.assess(sample, tolerance: 2).scores == scores)
        #expect(predictor.statement.contains("holes up to \(holes) ‰") == (holes > 0))
        #expect(predictor.statement.contains("lesions below \(smallest) ‰") == (smallest > 0))
      }
    }

    @Test("Settings are checked, and a run of an earlier version has the defaults")
    func settings() throws {
      for change in ["smallestLesion=-1", "smallestLesion=1001", "fillHoles=-0.5", "fillHoles=2000"] {
        var wrong = RunConfiguration()
        try wrong.set("inference.\(change)")
        let name = change.prefix { $0 != "=" }
        #expect(message { try wrong.validateValues() }.hasPrefix("inference.\(name) is"), "\(change)")
      }
      var settings = RunConfiguration()
      #expect(message { try settings.set("inference.choose=test") }.contains("none, validation"))
      for change in ["inference.choose=validation", "inference.smallestLesion=2", "inference.fillHoles=10"] {
        try settings.set(change)
      }
      try settings.validateValues()
      let stored = try JSONValue(encoding: settings)
      let read = try RunConfiguration(stored: stored, methods: .builtIn, source: "s")
      #expect(read.inference.rule == MaskRule(0.5, smallestLesion: 2, fillHoles: 10))
      // What a training chose by itself does not make the settings others.
      var chosen = settings
      chosen.inference.rule = MaskRule(0.3)
      #expect(chosen == settings)
      chosen.inference.choose = .none
      #expect(chosen != settings)
      try settings.set("validationShare=0")
      #expect(message { try settings.validateValues() }.hasPrefix("inference.choose is validation"))
      #expect(RunConfiguration().inference.rule == MaskRule())
      #expect(RunConfiguration().inference.choose == .none)
    }

    @Test("The highest score wins, and of equal ones the simplest rule")
    func best() {
      func candidate(_ threshold: MaskThreshold, _ scores: [Double]) -> MaskTuning.Candidate {
        let sites = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ("\($0)", $1) })
        return MaskTuning.Candidate(MaskRule(threshold), sites: sites)
      }
      // Sites weigh the same.
      #expect(candidate(0.5, [0.2, 0.6]).score == 0.4 && candidate(0.5, []).score == nil)
      let all = [candidate(0.5, []), candidate(0.4, [0.4]), candidate(0.6, [0.5]), candidate(.dice, [0.5])]
      #expect(MaskTuning.best(all)?.threshold == 0.6)
      #expect(MaskTuning.best([all[0]]) == nil)
      #expect(MaskTuning.thresholds.first == 0.5 && MaskTuning.thresholds.last == .dice)
      let parts = MaskTuning.cleanings.map { ($0.fillHoles > 0 ? 1 : 0) + ($0.smallestLesion > 0 ? 1 : 0) }
      #expect(parts == parts.sorted() && parts.count == 24 && parts[0] == 0)
    }

    @Test("A training chooses its rule on the source sites alone, and never opens the held-out site")
    func chosen() throws {
      let copy = folder.file("data")
      try FileManager.default.copyItem(at: TinyRun.data.get(), to: copy)
      let run = try create(data: copy) { $0.inference.choose = .validation }
      let catalog = try SiteCatalog(at: copy)
      // A file that is opened as a picture would be an error.
      for sample in try catalog.site("site-c").allSamples {
        try Data("no picture".utf8).write(to: sample.image)
        try Data("no mask".utf8).write(to: #require(sample.mask))
      }
      try run.train()
      let tuning = try #require(try MaskTuning.stored(in: run.folder))
      #expect(tuning.images == ["site-a": 6, "site-b": 6] && tuning.selection == .markedDice)
      #expect(tuning.candidates.count == 18 + 23)
      let best = try #require(tuning.chosen.score)
      #expect(tuning.candidates.allSatisfy { ($0.score ?? 0) <= best + 1e-9 })
      #expect(tuning.candidates.contains(tuning.chosen))
      // The run has the rule, now and when it is opened again.
      let opened = try Run.open(at: run.folder.url)
      for run in [run, opened] {
        #expect(run.configuration.inference.rule == tuning.chosen.rule)
        #expect(try run.predictor().rule == tuning.chosen.rule)
      }
      let split = try run.split([catalog.site("site-a"), catalog.site("site-b")])
      #expect(try run.validationSamples() == split.validation)

      // A finished run keeps its choice; asked again, it finds the same.
      try run.train()
      #expect(try opened.tuneMasks() == tuning)
      // The score is that of the masks at the images' own size in the arithmetic of the training, by site.
      let predictor = try opened.predictor(precision: opened.configuration.precision)
      let bySite = try ["site-a", "site-b"].compactMap { site -> Double? in
        let counts = try opened.validationSamples().filter { $0.site == site }.map { sample in
          let masks = try predictor.masks(sample)
          return try OverlapCounts(prediction: masks.prediction, reference: masks.reference)
        }
        return OverlapSummary(of: counts)?.markedDice
      }
      #expect(abs(bySite.reduce(0, +) / Double(bySite.count) - best) < 1e-9)

      // Other images under the name of a source site are no validation images.
      let image = try catalog.site("site-a").samples[0].image
      try ImageFile.writePNG(
        Image(width: 32, height: 32, channels: 3, pixels: Array(repeating: 9, count: 32 * 32 * 3)), to: image)
      #expect(throws: RunError.otherData(run.folder.url, site: "site-a")) { try opened.tuneMasks() }
    }

    @Test("Without validation images there is nothing to choose by")
    func nothing() throws {
      let run = try create(data: TinyRun.data.get()) { $0.validationShare = 0 }
      try run.train()
      #expect(throws: MaskTuningError.noImages) { try run.tuneMasks() }
      #expect(try MaskTuning.stored(in: run.folder) == nil)
      try Data("{".utf8).write(to: run.folder.maskRuleFile)
      #expect(throws: RunError.unreadable(run.folder.maskRuleFile)) {
        try MaskTuning.stored(in: run.folder)
      }
    }
  }
}
