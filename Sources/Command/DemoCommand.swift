import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import SyntheticEndoscopy
import Torch
import Training

/// The command `mcdrl demo`: a whole study on rendered sites, with the project's own CLIP model.
enum DemoCommand: Subcommand {
  static let name = "demo"
  static let summary = "train baseline and MCDRL on rendered sites and compare them at sites they never saw"
  static let example = "mcdrl demo --out demo"
  static let options = Options()
  static let common = CommonOptions(
    meaning: "folds that train in parallel, each on one thread", choosesDevice: false)

  struct Options: OptionGroup {
    let out = Option.value(
      "out", "DIR", .file, default: URL(fileURLWithPath: "demo"),
      "the folder of data, runs, results.json, images.csv and report.html")
    let link = Shared.link
    let quick = Option.flag("quick", "fewer images and one seed; the numbers are rough")
  }

  /// The parts of a demonstration; another call reads `demo.json` to see whether it may continue.
  private struct Plan: Codable, Equatable {
    var perSite: Int
    var testPerSite: Int
    var sweep: Int
    var seeds: [UInt64]
    var epochs: Int
    var link: Double
    var worldSeed: UInt64
    var weights: String
    var prompts: PromptSet
    var version = MCDRLCommand.version

    init(quick: Bool, link: Double, seed: UInt64, clip: CLIPModel, prompts: PromptSet) throws {
      (perSite, testPerSite, sweep, epochs) = quick ? (40, 24, 8, 8) : (80, 60, 16, 16)
      seeds = quick ? [seed] : [seed, seed + 1]
      self.link = link
      worldSeed = seed
      weights = try Fingerprint.hash(of: clip)
      self.prompts = prompts
    }
  }

  private static let methods = [ArmDefinition.baseline, .mcdrl]

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let start = Date()
    let out = try arguments.out
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    try StudyRunner.refuseForeign(out, unless: "demo.json")
    let clip = try CLIPModel.load(ProjectFiles.clip("tiny"))
    let prompts = try ProjectFiles.promptSet(nil).prompts
    let plan = try Plan(
      quick: arguments.quick, link: arguments.link, seed: arguments.common.seed, clip: clip, prompts: prompts)
    try claim(out, plan)
    // A small model gains more from folds in parallel than from more threads for each operator.
    let workers = try arguments.common.threads ?? ProcessInfo.processInfo.activeProcessorCount
    try Machine.setThreads(1)
    let data = out.appendingPathComponent("data")
    try render(plan, to: data, size: clip.preparation.size, prompts, console)

    let training = try StudyPlan(
      study: "demo", configuration: settings(plan, data: data, size: clip.preparation.size),
      arms: methods, seeds: plan.seeds)
    let catalog = try SiteCatalog(at: data)
    let cache = FeatureCache(out.appendingPathComponent("cache"))
    let study = try LeaveOneSiteOut(
      training, catalog: catalog, clip: ProjectFiles.clips, prompts: prompts, folder: out, cache: cache,
      workers: workers)
    console.note("2/5 encoding all images once with the frozen tower")
    console.note("3/5 training on its features")
    let folds = try StudyRunner.train(study, workers: workers, console)
    console.note("4/5 measuring how predictions move when only a confounder moves")
    let sweep = try Sweep(data)
    let counterfactual = try counterfactual(study, plan, sweep, cache, workers: workers, console)

    console.note("5/5 computing figures, intervals and the report")
    let writer = StudyWriter(
      folder: out,
      record: try StudyWriter.Record(
        study, leakage: "not checked: every scene is drawn anew", workers: workers,
        seconds: Date().timeIntervalSince(start)))
    try writer.figures(folds, catalog, cache, console)
    cache.remove()
    var words = StudyWriter.Words(
      title: "MCDRL on rendered endoscopy",
      lead:
        "Five rendered sites with a known causal model; each is held out in turn, and a model trained at the "
        + "others is scored there.",
      text:
        "\(catalog.sites.count) rendered sites of \(plan.perSite) images to train on and \(plan.testPerSite) "
        + "others to score the site on when it is held out, \(clip.preparation.size) px. At source sites a "
        + "confounder follows the lesion with probability \(plan.link). At a held-out site it does not "
        + "(docs/explanation/causal-model.md). The image tower is the frozen CLIP tiny.")
    words.settings = [
      "demo.link": .number(plan.link), "demo.worldSeed": try JSONValue(encoding: plan.worldSeed),
    ]
    words.counterfactual = counterfactual
    words.examples = try SceneGallery(study: study, sweep: sweep, seed: plan.seeds[0]).examples
    let (results, page) = try writer.write(folds, words)
    if console.json { return try console.result(json: results) }
    show(results, page, seconds: Date().timeIntervalSince(start), console)
  }

  private static func show(_ results: StudyResults, _ page: URL, seconds: Double, _ console: Console) {
    console.result(Console.table(results.headline.headings, results.headline.rows))
    let bySeed = results.differencesBySeed.map { $0 + "." }.joined(separator: "\n")
    console.result("\(results.headlineCaption). \(bySeed)")
    console.result((results.verdicts + results.findings).joined(separator: "\n") + "\n")
    console.result(Console.table(results.lesionHeadline.headings, results.lesionHeadline.rows) + "\n")
    console.result(Console.table(results.drops.headings, results.drops.rows) + "\n")
    if let table = results.counterfactuals {
      let scenes = results.counterfactual?.values.first?.scenes ?? 0
      console.result("the same \(scenes) scenes with and without each confounder:\n")
      console.result(Console.table(table.headings, table.rows))
      console.result(Counterfactual.legend + "\n")
    }
    console.result("\(duration(seconds)); the report is \(page.path)")
  }

  private static func planFile(_ out: URL) -> URL { out.appendingPathComponent("demo.json") }

  /// Writes the plan to an empty folder, or checks that the folder has the same plan.
  private static func claim(_ out: URL, _ plan: Plan) throws {
    guard let data = try? Data(file: planFile(out)) else {
      try FileManager.default.createFolder(out)
      return try AtomicFile.write(json: plan, to: planFile(out))
    }
    let old = try? JSONDecoder().decode(Plan.self, from: data)
    guard old != plan else { return }
    throw UsageError.otherSettings(
      option: "out", in: out, changed: old.map { SettingChange.list(from: $0, to: plan) } ?? [])
  }

  private static func render(
    _ plan: Plan, to data: URL, size: Int, _ prompts: PromptSet, _ console: Console
  ) throws {
    // The list of sites is written last, so a folder with the list is complete.
    guard !FileManager.default.fileExists(atPath: data.appendingPathComponent("sites.json5").path) else {
      return console.note("1/5 the sites in \(data.path) exist already")
    }
    let dataset = SyntheticDataset(
      world: World(link: plan.link, seed: plan.worldSeed), perSite: plan.perSite,
      testPerSite: plan.testPerSite, size: size, format: .png, sweep: plan.sweep, captions: prompts.captions)
    console.note("1/5 rendering \(dataset.count) images of five sites into \(data.path)")
    let bar = ProgressBar("rendering", total: dataset.count)
    try dataset.write(to: data) { console.progress(bar.line($0, unit: "images")) }
    console.progress("")
  }

  /// Returns the settings of every fold: a frozen, cached tower, and a head on the grid alone.
  private static func settings(_ plan: Plan, data: URL, size: Int) throws -> RunConfiguration {
    var configuration = RunConfiguration()
    configuration.data = data.path
    configuration.clip = "tiny"
    configuration.model.method = .mcdrl
    configuration.imageSize = size
    configuration.epochs = plan.epochs
    configuration.batchSize = 16
    configuration.tune = .none
    configuration.augmentation = .none
    configuration.validationShare = 0.2
    configuration.optimizer.learningRate = 0.002
    // There is no branch on the pixels: this is faster, and better on the validation split of the
    // source sites. So the head sees only features after the intervention.
    configuration.model.head.detailWidths = []
    configuration.model.head.gridWidth = 48
    return configuration
  }

  /// Runs the sweep with the models of the first seed; the result is the mean over the folds.
  private static func counterfactual(
    _ study: LeaveOneSiteOut, _ plan: Plan, _ sweep: Sweep, _ cache: FeatureCache, workers: Int,
    _ console: Console
  ) throws -> [String: Counterfactual.Summary] {
    let folds = study.folds.filter { $0.seed == plan.seeds[0] }
    let pictures = sweep.scenes.flatMap { [$0.base] + $0.interventions }.map(sweep.sample)
    let first = try study.run(folds[0])
    // All folds have the same frozen tower.
    let features = try FeatureStore(
      SampleBank(pictures, reader: first.configuration.reader), system: first.trainedSystem(), cache: cache,
      workers: workers
    ) { console.progress("encoding \($0)/\($1)") }
    console.progress("")
    let summaries = try concurrentMap(count: folds.count, threads: workers) { index in
      try Counterfactual.Summary(
        of: study.run(folds[index]).predictor().counterfactualCases(sweep, features: features))
    }
    return try Dictionary(
      uniqueKeysWithValues: methods.map { method in
        let own = zip(folds, summaries).filter { $0.0.arm.name == method.name }.map(\.1)
        return (method.name, try Counterfactual.Summary(meanOf: own))
      })
  }
}
