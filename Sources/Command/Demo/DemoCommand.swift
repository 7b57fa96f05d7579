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
    let out = Option.optional(
      "out", "DIR", .file, remark: "demo, or demo-full with --full",
      "the folder of data, runs, results.json, images.csv and report.html")
    let link = Shared.link
    let full = Option.flag("full", "the whole study: more images, epochs and seeds, and narrower intervals")
    /// The name that the present default had in an earlier version.
    let quick = Option.flag("quick", "").hidden()
  }

  private static let methods = [ArmDefinition.baseline, .mcdrl]

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    guard try !arguments.quick else {
      throw UsageError.rejected(
        option: "quick", text: nil, reason: "the short study is the default now; --full runs the whole one")
    }
    let start = Date()
    let out = try arguments.out ?? URL(fileURLWithPath: arguments.full ? "demo-full" : "demo")
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    try StudyRunner.refuseForeign(out, unless: "demo.json")
    let clip = try CLIPModel.load(ProjectFiles.clip("tiny"))
    let prompts = try ProjectFiles.promptSet(nil).prompts
    let plan = try DemoPlan(
      full: arguments.full, link: arguments.link, seed: arguments.common.seed, clip: clip, prompts: prompts)
    try claim(out, plan)
    // A small model gains more from folds in parallel than from more threads for each operator.
    let workers = try arguments.common.threads ?? ProcessInfo.processInfo.activeProcessorCount
    try Machine.setThreads(1)
    let data = out.appendingPathComponent("data")
    try render(plan, to: data, size: clip.preparation.size, prompts, console)

    let training = try StudyPlan(
      study: "demo", configuration: plan.settings(data: data, size: clip.preparation.size),
      arms: methods, seeds: plan.seeds)
    let catalog = try SiteCatalog(at: data)
    let cache = FeatureCache(out.appendingPathComponent("cache"))
    let study = try LeaveOneSiteOut(
      training, catalog: catalog, clip: ProjectFiles.clips, prompts: prompts, folder: out, cache: cache,
      workers: workers)
    let sweep = try Sweep(data)
    var words = try words(plan, catalog, size: clip.preparation.size)
    var writer = StudyWriter(
      folder: out,
      record: try StudyWriter.Record(
        study, leakage: "not checked: every scene is drawn anew", workers: workers, seconds: 0))
    // If nothing is left to train, the page of the call before stays until the new one is complete.
    let trains = study.finished.count < study.folds.count
    if trains {
      try writer.writeOpening(words, OpeningPictures(catalog: catalog, sweep: sweep).rows)
      console.note("\(writer.page.path) fills in while the study runs")
    }
    console.note("2/5 encoding all images once with the frozen tower")
    console.note("3/5 training on its features")
    let draft = StudyDraft(study, writer, words, console)
    let folds = try StudyRunner.train(
      study, workers: workers, finished: { if trains { draft.add($0) } }, console)
    console.note("4/5 measuring how predictions move when only a confounder moves")
    words.counterfactual = try counterfactual(study, plan, sweep, cache, workers: workers, console)

    console.note("5/5 computing figures, intervals and the report")
    try writer.figures(folds, catalog, cache, console, limit: plan.limit)
    cache.remove()
    words.examples = try SceneGallery(study: study, sweep: sweep, seed: plan.seeds[0]).examples
    writer.record.seconds = Date().timeIntervalSince(start)
    let (results, page) = try writer.write(folds, words)
    if console.json { return try console.result(json: results) }
    show(results, page, seconds: Date().timeIntervalSince(start), console)
    console.result(plan.size(sites: catalog.sites.count))
  }

  private static func words(_ plan: DemoPlan, _ catalog: SiteCatalog, size: Int) throws -> StudyWriter.Words {
    var words = StudyWriter.Words(
      title: "MCDRL on rendered endoscopy",
      lead:
        "Rendered sites with a known causal model; each is held out in turn, and a model trained at the "
        + "others is scored there. " + plan.size(sites: catalog.sites.count),
      text:
        "\(catalog.sites.count) rendered sites of \(plan.perSite) images to train on and \(plan.testPerSite) "
        + "others to score the site on when it is held out, \(size) px. At source sites a "
        + "confounder follows the lesion with probability \(plan.link). At a held-out site it does not "
        + "(docs/explanation/causal-model.md). The image tower is the frozen CLIP tiny.")
    words.settings = [
      "demo.link": .number(plan.link), "demo.worldSeed": try JSONValue(encoding: plan.worldSeed),
    ]
    return words
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
  private static func claim(_ out: URL, _ plan: DemoPlan) throws {
    guard let data = try? Data(file: planFile(out)) else {
      try FileManager.default.createFolder(out)
      return try AtomicFile.write(json: plan, to: planFile(out))
    }
    let old = try? JSONDecoder().decode(DemoPlan.self, from: data)
    guard old != plan else { return }
    throw UsageError.otherSettings(
      option: "out", in: out, changed: old.map { SettingChange.list(from: $0, to: plan) } ?? [])
  }

  private static func render(
    _ plan: DemoPlan, to data: URL, size: Int, _ prompts: PromptSet, _ console: Console
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

  /// Runs the sweep with the models of the first seed; the result is the mean over the folds.
  private static func counterfactual(
    _ study: LeaveOneSiteOut, _ plan: DemoPlan, _ sweep: Sweep, _ cache: FeatureCache, workers: Int,
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
