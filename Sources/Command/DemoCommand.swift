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

/// `mcdrl demo`: the whole story on rendered sites, with the CLIP that comes with the project.
enum DemoCommand: Subcommand {
  static let name = "demo"
  static let summary = "the whole story on rendered sites: baseline against MCDRL where neither was trained"
  static let usage = "[--out DIR] [--quick]"
  static let example = "mcdrl demo --out demo"
  static let options: [Option] = [
    .one("out", "DIR", "where data, runs, results.json, images.csv and report.html go (demo)"),
    .one("link", "P", "how often a confounder follows the lesion at sources, 0 to 1 (0.8)"),
    .flag("quick", "fewer images, one seed: under a minute"),
  ]

  /// What a demonstration consists of; `demo.json`, so that another call knows whether it may go on.
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

  private static let methods = [Method.baseline, .mcdrl]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let start = Date()
    let out = URL(fileURLWithPath: arguments.last("out") ?? "demo")
    let link = try arguments.probability("link") ?? 0.8
    guard arguments.positional.isEmpty else {
      throw UsageError(description: "give the folder with --out\nusage: mcdrl \(name) \(usage)")
    }
    try StudyRunner.refuseForeign(out, unless: "demo.json")
    let lock = try FolderLock(out)
    defer { withExtendedLifetime(lock) {} }
    let clip = try CLIPModel.load(ProjectFiles.clip("tiny"))
    let prompts = try PromptSet(contentsOf: ProjectFiles.prompts(nil))
    let plan = try Plan(
      quick: arguments.has("quick"), link: link, seed: UInt64(try arguments.integer("seed") ?? 0), clip: clip,
      prompts: prompts)
    try claim(out, plan)
    // Small models gain more from each other's company than from several threads for an operator.
    let workers = try arguments.integer("threads", atLeast: 1) ?? ProcessInfo.processInfo.activeProcessorCount
    try Machine.setThreads(1)
    let data = out.appendingPathComponent("data")
    try render(plan, to: data, size: clip.preparation.size, prompts, console)

    let training = StudyPlan(
      study: "demo", configuration: try settings(plan, data: data, size: clip.preparation.size),
      arms: methods.map { Arm($0) }, seeds: plan.seeds, version: MCDRLCommand.version)
    let catalog = try SiteCatalog(data)
    let cache = FeatureCache(out.appendingPathComponent("cache"))
    let study = try LeaveOneSiteOut(
      training, catalog: catalog, clip: { try CLIPModel.load(ProjectFiles.clip($0.clip), seed: $0.seed) },
      prompts: prompts, folder: out, cache: cache, workers: workers)
    console.note("2/5 encoding all images once with the frozen tower")
    console.note("3/5 training on what it gives")
    let folds = try StudyRunner.train(study, workers: workers, console)
    console.note("4/5 asking whether predictions move when only a confounder moves")
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
        + "others to score the site on when it is held out, \(clip.preparation.size) px. At the sites that are "
        + "trained on a confounder follows the lesion with probability \(plan.link); where a site is held out it "
        + "does not (docs/causal-model.md). The image tower is the frozen CLIP tiny.")
    words.settings = [
      "demo.link": .number(plan.link), "demo.worldSeed": .integer(Int(clamping: plan.worldSeed)),
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
    console.result("mean Dice with 95 % intervals. \(bySeed)")
    console.result(results.verdicts.joined(separator: "\n") + "\n")
    console.result(Console.table(results.drops.headings, results.drops.rows) + "\n")
    if let table = results.counterfactuals {
      console.result(
        "the same \(results.counterfactual?.values.first?.scenes ?? 0) scenes with and without each confounder:\n"
      )
      console.result(Console.table(table.headings, table.rows))
      console.result(Counterfactual.legend + "\n")
    }
    console.result("\(duration(seconds)); the report is \(page.path)")
  }

  private static func planFile(_ out: URL) -> URL { out.appendingPathComponent("demo.json") }

  /// Makes the folder this demonstration's, or finds that it is already.
  private static func claim(_ out: URL, _ plan: Plan) throws {
    guard let data = try? Data(contentsOf: planFile(out)) else {
      try FileManager.default.createFolder(out)
      return try AtomicFile.write(json: plan, to: planFile(out))
    }
    guard (try? JSONDecoder().decode(Plan.self, from: data)) == plan else {
      throw UsageError(
        description: "--out \(out.path): holds a demonstration with other settings, words or weights; choose "
          + "another, or remove it")
    }
  }

  private static func render(
    _ plan: Plan, to data: URL, size: Int, _ prompts: PromptSet, _ console: Console
  ) throws {
    // The list of sites is written last, so a folder that has it is whole.
    guard !FileManager.default.fileExists(atPath: data.appendingPathComponent("sites.json5").path) else {
      return console.note("1/5 the sites in \(data.path) are there already")
    }
    let dataset = SyntheticDataset(
      world: World(link: plan.link, seed: plan.worldSeed), perSite: plan.perSite,
      testPerSite: plan.testPerSite, size: size, format: .png, sweep: plan.sweep, captions: prompts.captions)
    console.note("1/5 rendering \(dataset.count) images of five sites into \(data.path)")
    let bar = ProgressBar("rendering", total: dataset.count)
    try dataset.write(to: data) { console.progress(bar.line($0, unit: "images")) }
    console.progress("")
  }

  /// The settings of every fold: a frozen tower whose features are kept, a head on the grid alone.
  private static func settings(_ plan: Plan, data: URL, size: Int) throws -> RunConfiguration {
    var configuration = RunConfiguration()
    configuration.data = data.path
    configuration.clip = "tiny"
    configuration.imageSize = size
    configuration.epochs = plan.epochs
    configuration.batchSize = 16
    configuration.tune = .none
    configuration.augmentation = .none
    configuration.validationShare = 0.2
    configuration.optimizer.learningRate = 0.002
    // No branch on the pixels: quicker, and better on the source sites' validation split. So all that the head sees went
    // through the intervention.
    configuration.model.head.detailWidths = []
    configuration.model.head.gridWidth = 48
    return configuration
  }

  /// The sweep under the models of the first seed, mean over the folds.
  private static func counterfactual(
    _ study: LeaveOneSiteOut, _ plan: Plan, _ sweep: Sweep, _ cache: FeatureCache, workers: Int,
    _ console: Console
  ) throws -> [String: Counterfactual.Summary] {
    let folds = study.folds.filter { $0.seed == plan.seeds[0] }
    let pictures = sweep.scenes.flatMap { [$0.base] + $0.interventions }.map(sweep.sample)
    let (first, settings) = try RunAssembly.trained(study.directory(folds[0]), lazily: true)
    // All folds have the same frozen tower.
    let features = try FeatureStore(
      SampleBank(pictures, reader: settings.reader), system: first, cache: cache, workers: workers
    ) { console.progress("encoding \($0)/\($1)") }
    console.progress("")
    let summaries = try concurrentMap(count: folds.count, threads: workers) { index in
      let (system, settings) = try RunAssembly.compiled(study.directory(folds[index]))
      return try Counterfactual.Summary(
        of: Segmenter(system, reader: settings.reader).counterfactualCases(sweep, features: features))
    }
    return try Dictionary(
      uniqueKeysWithValues: methods.map { method in
        let own = zip(folds, summaries).filter { $0.0.arm == Arm(method) }.map(\.1)
        return (method.name, try Counterfactual.Summary(meanOf: own))
      })
  }
}
