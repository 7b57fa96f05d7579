import Datasets
import Foundation
import Metrics
import SyntheticEndoscopy
import Testing
import TestSupport
import Torch

@testable import Studies
@testable import Training

@Suite("Leaving sites out")
struct LeaveOneSiteOutTests {
  /// Settings under which features are kept.
  private func frozen(_ tiny: TinyRun) -> RunConfiguration {
    var configuration = tiny.configuration
    configuration.tune = .none
    configuration.augmentation = .none
    return configuration
  }

  @Test("Each arm is scored by its own threshold; another one for all is scored anew without training")
  func thresholds() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    func study(_ threshold: MaskThreshold? = nil) throws -> LeaveOneSiteOut {
      var plan = try StudyPlan(
        study: "loso", configuration: frozen(tiny),
        arms: [.baseline, ArmDefinition(parsing: "level:inference.threshold=dice")], seeds: [3])
      plan.threshold = threshold
      // What is stored is read to the same.
      plan = try JSONDecoder().decode(StudyPlan.self, from: JSONEncoder().encode(plan))
      #expect(plan.threshold == threshold)
      return try LeaveOneSiteOut(
        plan, catalog: catalog, prompts: TinyRun.prompts.get(),
        folder: tiny.run.url.appendingPathComponent("thresholds"),
        cache: FeatureCache(tiny.run.url.appendingPathComponent("cache")))
    }
    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in steps.add() }
    let own = try study().run(progress)
    #expect(own.map(\.threshold) == [0.5, .dice, 0.5, .dice, 0.5, .dice])
    let trained = steps.value
    #expect(try study().run(progress) == own)
    let same = try study(0.01).run(progress)
    #expect(Set(same.map(\.threshold)) == [0.01] && steps.value == trained)
    #expect(same[0].images != own[0].images)
  }

  @Test("Each fold chooses its rule of masks on its source sites, and a finished fold keeps it")
  func masks() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    var configuration = frozen(tiny)
    configuration.inference.choose = .validation
    let plan = try StudyPlan(study: "loso", configuration: configuration, arms: [.baseline], seeds: [3])
    let folder = tiny.run.url.appendingPathComponent("masks")
    func study() throws -> LeaveOneSiteOut {
      try LeaveOneSiteOut(
        plan, catalog: catalog, prompts: TinyRun.prompts.get(), folder: folder,
        cache: FeatureCache(tiny.run.url.appendingPathComponent("cache")))
    }
    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in steps.add() }
    let results = try study().run(progress)
    let trained = steps.value
    let whole = try study()
    for (fold, result) in zip(whole.folds, results) {
      let run = try whole.run(fold)
      let tuning = try #require(try MaskTuning.stored(in: run.folder))
      #expect(run.configuration.inference.rule == tuning.chosen.rule)
      #expect(result.threshold == tuning.chosen.threshold)
      #expect(tuning.images.count == 2 && tuning.images[fold.site] == nil)
    }
    #expect(try study().run(progress) == results && steps.value == trained)
    let sites = catalog.sites.map(\.name)
    #expect(try StudyFolder(folder).results(of: plan, sites: sites) == results)
    let shared = try plan.sharedSettings()
    #expect(shared["inference.choose"] != nil && shared["inference.threshold"] == nil)
  }

  @Test("An oracle trains on the unlinked scenes and is scored on the observed ones")
  func oracle() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let folder = tiny.run.url.appendingPathComponent("world")
    func world(_ hasUnlinked: Bool) throws -> SiteCatalog {
      try? FileManager.default.removeItem(at: folder)
      try SyntheticDataset(
        world: World(sites: 2, link: 1, seed: 1), perSite: 12, testPerSite: 6, hasUnlinked: hasUnlinked,
        size: 32, format: .png, sweep: 0, captions: { _, _ in [] }
      ).write(to: folder)
      return try SiteCatalog(at: folder)
    }
    let plan = try StudyPlan(
      study: "loso", configuration: frozen(tiny), arms: [.baseline, ArmDefinition(parsing: "unconfounded")],
      seeds: [3])
    func study(_ catalog: SiteCatalog) throws -> LeaveOneSiteOut {
      try LeaveOneSiteOut(
        plan, catalog: catalog, prompts: TinyRun.prompts.get(),
        folder: tiny.run.url.appendingPathComponent("oracle"),
        cache: FeatureCache(tiny.run.url.appendingPathComponent("cache")))
    }
    #expect(throws: DatasetError.noUnlinkedScenes(site: "site-a")) { try study(world(false)) }
    let catalog = try world(true)
    let whole = try study(catalog)
    let results = try whole.run()
    #expect(results.map(\.method) == ["baseline", "unconfounded", "baseline", "unconfounded"])
    #expect(results[0].images.map(\.image) == results[1].images.map(\.image))
    #expect(try whole.run() == results)
    let weights = try whole.folds.map { try Data(contentsOf: whole.directory($0).weightsFile) }
    #expect(Set(weights).count == 4)
    let site = try catalog.site("site-b")
    for (fold, samples) in zip(whole.folds, [site.samples, try #require(site.unlinkedSamples)]) {
      let run = try whole.run(fold)
      #expect(
        try run.folder.fingerprint()?.images?["site-b"] == samples.map { try DataHashes.hash(of: $0) })
      // The site is known by the images that the run saw.
      guard case .source = try run.role(of: site) else { return #expect(Bool(false)) }
    }
  }

  @Test("Words of inner folds must know neither of the two sites that are withheld")
  func wordsOfInnerFolds() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    var configuration = frozen(tiny)
    configuration.clip = "words/{site}"
    var plan = try StudyPlan(study: "loso", configuration: configuration, arms: [.baseline], seeds: [3])
    plan.choices = [try Choice(parsing: "epochs=1,2")]
    plan.selection = .loso
    let study = try LeaveOneSiteOut(
      plan, catalog: catalog, prompts: TinyRun.prompts.get(),
      folder: tiny.run.url.appendingPathComponent("study"))
    let two = tiny.run.url.appendingPathComponent("two")
    for name in catalog.sites.map(\.name).dropLast() {
      try FileManager.default.createFolder(two)
      try FileManager.default.createSymbolicLink(
        at: two.appendingPathComponent(name),
        withDestinationURL: catalog.folder.appendingPathComponent(name))
    }
    let pair = try SiteCatalog(at: two)
    #expect(throws: StudyError.tooFewSources(pair.folder)) {
      try LeaveOneSiteOut(plan, catalog: pair, prompts: TinyRun.prompts.get(), folder: two)
    }
    let names = catalog.sites.map(\.name)
    let clips = try study.innerSettings(study.folds[0], plan.candidates[0]).map { try $0.clipOfSite }
    #expect(clips == ["words/\(names[0])+\(names[1])", "words/\(names[0])+\(names[2])"])
    // The second folder's words were trained on the site that its outer fold scores.
    let words = tiny.run.url.appendingPathComponent("words")
    try FileManager.default.createFolder(words)
    try JSONEncoder().encode(WordImages([catalog.sites[0]]))
      .write(to: words.appendingPathComponent(WordImages.fileName))
    let leak = message {
      try study.requireUnseen { try $0.clipOfSite == clips[1] ? words : nil }
    }
    #expect(leak.contains("words") && leak.contains(names[0]), "\(leak)")
    try study.requireUnseen { _ in nil }
  }

  @Test("Every site is held out in turn; stopped and run again it gives the same, and trains nothing twice")
  func folds() throws {
    let tiny = try TinyRun(epochs: 2)
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    let prompts = try TinyRun.prompts.get()
    func study(_ folder: String, workers: Int = 1, batch: Int = 4) throws -> LeaveOneSiteOut {
      var configuration = frozen(tiny)
      configuration.batchSize = batch
      return try LeaveOneSiteOut(
        StudyPlan(
          study: "loso", configuration: configuration, arms: [.baseline, .mcdrl], seeds: [3]),
        catalog: catalog, prompts: prompts,
        folder: tiny.run.url.appendingPathComponent(folder),
        cache: FeatureCache(tiny.run.url.appendingPathComponent("\(folder)-cache")), workers: workers)
    }
    let whole = try study("whole")
    let expected = try whole.run()
    #expect(expected.map(\.site) == ["site-a", "site-a", "site-b", "site-b", "site-c", "site-c"])
    #expect(expected.map(\.method) == ["baseline", "mcdrl", "baseline", "mcdrl", "baseline", "mcdrl"])
    #expect(
      expected.allSatisfy { $0.images.count == 8 && $0.validationDice != nil && $0.trivial?.count == 3 })
    #expect(expected.allSatisfy { $0.precision == .float32 && $0.decoding == .whole })
    #expect(try whole.directory(whole.folds[4]).configuration().sources == ["site-a", "site-b"])

    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in steps.add() }
    // In the third fold.
    progress.shouldStop = { steps.value >= 80 }
    #expect(throws: TrainingError.self) { try study("parts").run(progress) }
    progress.shouldStop = { false }
    let before = steps.value
    let found = try study("parts").run(progress)
    #expect(found.map(\.images) == expected.map(\.images))
    let total = steps.value
    #expect(total - before < before * 3)
    #expect(try study("parts").run(progress).map(\.images) == found.map(\.images))
    #expect(steps.value == total)

    let description = StudyDescription(
      study: "loso", text: "", methods: [.init(name: "baseline"), .init(name: "mcdrl")],
      environment: .init(version: "test"))
    let results = try StudyResults(folds: found, description: description)
    #expect(results.places == ["site-a", "site-b", "site-c", nil])
    #expect(results.trivialNames == ["all background", "all lesion", "mean training mask"])
    let score = try #require(results.score("mcdrl"))
    let mean = found.filter { $0.method == "mcdrl" }.reduce(0) { $0 + $1.dice } / 3
    let dice = try #require(score[.dice]?.mean)
    #expect(score.count == 24 && abs(dice - mean) < 1e-12)
    // Times differ, results do not.
    #expect(try StudyResults(folds: expected, description: description) == results)

    #expect(try study("beside", workers: 3).run().map(\.images) == expected.map(\.images))
    let changed = try study("parts", batch: 5)
    #expect(message { _ = try changed.run() }.contains("was run otherwise: batchSize was 4, is 5"))
  }

  @Test(
    "Validation chooses among candidates; what was chosen is kept, also when it was stopped before it was scored"
  )
  func choosing() throws {
    let tiny = try TinyRun(epochs: 1)
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    let prompts = try TinyRun.prompts.get()
    func study(_ choices: [String]) throws -> LeaveOneSiteOut {
      var plan = try StudyPlan(study: "loso", configuration: frozen(tiny), arms: [.baseline], seeds: [3])
      plan.choices = try choices.map(Choice.init(parsing:))
      return try LeaveOneSiteOut(
        plan, catalog: catalog, prompts: prompts, folder: tiny.run.url)
    }
    // At a rate of nearly nothing a model stays what it was drawn as.
    let chosen = try study(["optimizer.learningRate=1e-9,0.02"])
    let results = try chosen.run()
    for result in results {
      let scores = result.candidates.map { $0.validationScore ?? -1 }
      let best = try #require(scores.max())
      #expect(result.validationScore == best)
      #expect(result.chosen == result.candidates[try #require(scores.firstIndex(of: best))].settings)
      #expect(result.images.count == 8)
    }
    #expect(results.contains { $0.chosen == ["optimizer.learningRate=0.02"] })

    // Stopped after the choice, before the score.
    let first = chosen.folds[0]
    try FileManager.default.removeItem(at: chosen.folder.resultFile(first))
    let steps = Tally()
    var progress = LeaveOneSiteOut.Progress()
    progress.step = { _ in steps.add() }
    let again = try study(["optimizer.learningRate=1e-9,0.02"]).run(progress)
    #expect(steps.value == 0)
    #expect(again.map(\.images) == results.map(\.images))
    #expect(again.map(\.candidates) == results.map(\.candidates))

    // Other candidates were never tried here.
    let changed = try study(["optimizer.learningRate=0.02,0.001,1e-9"])
    #expect(message { _ = try changed.run() }.contains("settings were chosen from other candidates"))
    #expect(throws: StudyError.self) {
      try chosen.folder.results(of: changed.plan, sites: catalog.sites.map(\.name))
    }
  }

  @Test("A sweep gives one case for each scene and intervention, with the zoom of near and far views")
  func counterfactual() throws {
    let tiny = try TinyRun(method: .baseline, epochs: 1)
    let (trainer, _) = try tiny.trainer()
    try trainer.train()
    let sweep = try Sweep(TinyRun.data.get())
    let cases = try tiny.open().predictor(precision: .float32).counterfactualCases(sweep)
    #expect(cases.count == 24 && Set(cases.map(\.scene)).count == 2)
    #expect(cases.filter { $0.zoom > 1 }.map(\.confounder) == ["near", "near"])
    #expect(cases.filter { $0.zoom < 1 }.map(\.confounder) == ["far", "far"])
    #expect(cases.allSatisfy { $0.before.reference.count > 0 })
    #expect(try Counterfactual.Summary(of: cases).rows.count == 12)
  }
}
