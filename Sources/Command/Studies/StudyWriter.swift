import Datasets
import Explaining
import Foundation
import Metrics
import Reporting
import Storage
import Studies
import Torch
import Training

/// A writer of a study's results.
///
/// The files are `results.json`, `images.csv`, `timing.json`, `figures/` and `report.html`.
///
/// `study.json` holds the plan, so that `mcdrl report` can write the other files again from the
/// folds.
struct StudyWriter {
  /// The part of a report that is not in the folds; `study.json`.
  struct Record: Codable {
    /// The plan of the study.
    var plan: StudyPlan
    /// A hash of each site's images and masks.
    var data: [String: String]
    /// Hashes of the prompts and of the CLIP model's weights.
    var hashes: [String: String]
    /// Whether the sites were searched for shared patients and images, and the findings.
    var leakage: String
    /// The version, device and arithmetic.
    var environment: StudyResults.Environment
    /// The number of folds that trained in parallel.
    var workers: Int
    /// The seconds of all finished calls.
    var seconds: Double
  }

  /// The texts of a page, and the parts that only some studies have.
  struct Words {
    var title: String
    var lead: String
    /// The text about the data and the protocol.
    var text: String
    /// The settings that belong to no run, such as those of the rendered world.
    var settings: [String: JSONValue] = [:]
    var counterfactual: [String: Counterfactual.Summary]?
    var examples: [StudyReport.Example] = []
  }

  let folder: URL
  var record: Record

  /// Returns the file of the record.
  static func recordFile(_ folder: URL) -> URL { folder.appendingPathComponent("study.json") }

  /// Returns the files of the results, the summary first.
  static func resultFiles(_ folder: URL) -> [URL] {
    ["results.json", "images.csv", "timing.json", "report.html"].map(folder.appendingPathComponent)
  }

  /// Reads a study's record.
  ///
  /// - Throws: `WorkError` that names the file.
  init(reading folder: URL) throws {
    self.folder = folder
    let file = Self.recordFile(folder)
    do {
      let decoder = JSONDecoder()
      MCDRLCommand.methods.prepare(decoder)
      record = try decoder.decode(Record.self, from: Data(file: file))
    } catch {
      guard !FileManager.default.fileExists(atPath: folder.appendingPathComponent("demo.json").path) else {
        throw WorkError.demonstration(folder)
      }
      throw WorkError.noStudyRecord(file)
    }
  }

  /// Describes a study that has just run.
  init(folder: URL, record: Record) {
    self.folder = folder
    self.record = record
  }

  /// Writes the record, so that a report can be written again.
  ///
  /// - Throws: `FileError` that names the file.
  func writeRecord() throws { try AtomicFile.write(json: record, to: Self.recordFile(folder)) }

  /// Reads the results of all folds from an earlier call.
  ///
  /// - Throws: `StudyError` that names the first fold without a result.
  func stored() throws -> [FoldResult] {
    try StudyFolder(folder).results(of: record.plan, sites: record.data.keys.sorted())
  }

  /// Returns the finished runs of all folds.
  private func runs(_ folds: [FoldResult]) throws -> [StudyFigures.Run] {
    try zip(record.plan.folds(sites: record.data.keys.sorted()), folds).map {
      StudyFigures.Run(
        result: $1,
        run: try Run.open(
          at: StudyFolder(folder).run($0).url, methods: MCDRLCommand.methods, clip: ProjectFiles.clips))
    }
  }

  /// Computes the missing figures that need images and weights.
  ///
  /// - Parameters:
  ///   - folds: the results in the order of the study.
  ///   - catalog: the sites.
  ///   - cache: the cached features.
  ///   - console: receives progress.
  ///   - limit: changes the numbers of images.
  /// - Throws: an error that names the file.
  func figures(
    _ folds: [FoldResult], _ catalog: SiteCatalog, _ cache: FeatureCache, _ console: Console,
    limit: (inout StudyFigures) -> Void = { _ in }
  ) throws {
    guard let candidate = try candidate else { return }
    var figures = try StudyFigures(
      study: folder, catalog: catalog, candidate: candidate.name, runs: try runs(folds))
    figures.cache = cache
    let bar = FigureBar()
    figures.progress = { console.progress(bar.line($0, $1, of: $2)) }
    limit(&figures)
    try figures.compute()
    console.progress("")
  }

  /// The arm in the figures of features and attention: the first non-reference arm with attention.
  private var candidate: Arm? {
    get throws {
      let arms = record.plan.arms
      let attending = try arms.filter {
        try $0.applied(to: record.plan.configuration).model.method.traits.attends
      }
      return attending.first { $0 != arms.first } ?? attending.first ?? arms.last
    }
  }

  /// Prints the headline and the path of the report.
  func show(_ written: (results: StudyResults, page: URL), _ console: Console) throws {
    let (results, page) = written
    guard !console.json else { return try console.result(json: results) }
    console.result(Console.table(results.headline.headings, results.headline.rows))
    console.result("\(results.headlineCaption); chosen: \(results.protocol.selection)\n")
    console.result(Console.table(results.lesionHeadline.headings, results.lesionHeadline.rows))
    if let table = results.recoveryTable {
      console.result("\n" + Console.table(table.headings, table.rows))
    }
    if let note = results.intervalNote { console.result(note) }
    for line in results.differencesBySeed + results.verdicts + results.findings { console.result(line) }
    console.result("the report is \(page.path)")
  }

  /// Writes all results.
  ///
  /// - Parameters:
  ///   - folds: the results in the order of the study.
  ///   - words: the texts of the page; nil for those of a leave-one-site-out or ablation.
  /// - Returns: the results and the page.
  /// - Throws: an error that names the file.
  @discardableResult
  func write(_ folds: [FoldResult], _ words: Words? = nil) throws -> (results: StudyResults, page: URL) {
    let words = words ?? self.words
    let results = try StudyResults(folds: folds, description: description(words, folds))
    try AtomicFile.write(json: results, to: folder.appendingPathComponent("results.json"))
    try PerImageTable(folds).write(to: folder.appendingPathComponent("images.csv"))
    let timing = StudyTiming(folds: folds, total: record.seconds, workers: record.workers)
    try AtomicFile.write(json: timing, to: folder.appendingPathComponent("timing.json"))
    let report = StudyReport(
      results: results, timing: timing, curves: try runs(folds).map(TrainingCurve.init),
      figures: try StoredFigures(study: folder), examples: words.examples)
    try write(page: report.page(title: words.title, lead: words.lead))
    return (results, page)
  }

  /// The page.
  var page: URL { folder.appendingPathComponent("report.html") }

  /// Writes the page of a study without a result: some images.
  ///
  /// - Throws: an error that names the file.
  func writeOpening(_ words: Words, _ rows: [StudyReport.Example]) throws {
    try write(
      page: StudyReport.opening(
        title: words.title, lead: words.lead,
        status: "So far: no result. \(Self.reloading)", rows: rows))
  }

  /// Writes the page of a study that is still training; no other file.
  ///
  /// - Parameters:
  ///   - folds: all folds of some sites.
  ///   - words: the texts of the page.
  ///   - count: the number of these sites.
  /// - Throws: an error that names the file.
  func writeDraft(_ folds: [FoldResult], _ words: Words, sites count: Int) throws {
    let report = StudyReport(
      results: try StudyResults(folds: folds, description: description(words, folds)),
      status:
        "So far: \(count) of \(record.data.count) held-out sites. The numbers are of these sites alone. "
        + "Figures follow at the end. \(Self.reloading)")
    try write(page: report.page(title: words.title, lead: words.lead))
  }

  private static let reloading =
    "This page reloads itself while the command runs. After a stop, the same command continues."

  private func write(page text: String) throws { try AtomicFile.write(Data(text.utf8), to: page) }

  private func description(_ words: Words, _ folds: [FoldResult]) throws -> StudyDescription {
    let plan = record.plan
    var description = try StudyDescription(
      study: plan.study.replacingOccurrences(of: " ", with: "-"), text: words.text,
      methods: plan.arms.map { try StudyResults.Method(name: $0.name, settings: settings(of: $0)) },
      environment: record.environment)
    let thresholds = Set(folds.map(\.threshold))
    description.threshold = thresholds.count == 1 ? thresholds.first : nil
    description.selection = plan.selection(folds)
    description.leakage = record.leakage
    description.distanceUnit = (plan.spacing == nil ? DistanceUnit.pixels : .millimetres).rawValue
    description.data = record.data
    let hashes = record.hashes.mapValues(JSONValue.string)
    description.settings = try plan.sharedSettings().merging(hashes) { $1 }.merging(words.settings) { $1 }
    description.counterfactual = words.counterfactual
    return description
  }

  /// Returns the settings of an arm with their resolved values.
  private func settings(of arm: Arm) throws -> [String: JSONValue] {
    let settings = try arm.applied(to: record.plan.configuration)
    return try arm.settings.merging([
      "model.method": .string(settings.model.method.name),
      "interventions.share": JSONValue(encoding: settings.interventionShare),
    ]) { $1 }
  }

  private var words: Words {
    let plan = record.plan
    let seeds = plan.seeds.map(String.init).joined(separator: ", ")
    return Words(
      title: plan.study == "loso" ? "Leaving one site out" : "Ablation: \(plan.study.dropFirst(7))",
      lead:
        "\(plan.arms.map(\.name).joined(separator: ", ")), scored at a site that is held out; "
        + "seeds \(seeds).",
      text:
        "\(record.data.count) sites, each held out in turn; "
        + "trained on the others at \(plan.configuration.imageSize) px "
        + "from CLIP \(plan.clipName), \(plan.configuration.epochs) epochs, scored at the images' own size."
        + (plan.configuration.segmentsClasses
          ? " Each image counts once for each of its classes (\(plan.configuration.classes.joined(separator: ", "))); "
            + "their Dice stands by class below." : "")
    )
  }
}

extension StudyWriter.Record {
  /// Describes a running study.
  ///
  /// - Throws: an error that names the file.
  init(_ study: LeaveOneSiteOut, leakage: String, workers: Int, seconds: Double) throws {
    plan = study.plan
    data = try study.hashes
    hashes = [
      "prompts": try Fingerprint.hash(of: study.prompts), "clip.weights": try study.weightsHash,
    ]
    self.leakage = leakage
    environment = StudyResults.Environment(
      version: plan.version, device: plan.configuration.device.description,
      precision: plan.configuration.precision.rawValue)
    self.workers = workers
    self.seconds = seconds
  }
}

/// The progress line of figures: a new bar for each, while images pass.
private final class FigureBar: @unchecked Sendable {
  private let lock = NSLock()
  private var (figure, bar) = ("", ProgressBar("", total: 1))

  func line(_ figure: String, _ done: Int, of total: Int) -> String {
    lock.withLock {
      // After its last image a figure may still fit or sort for a while.
      guard done < total else {
        self.figure = ""
        return "computing \(figure)"
      }
      if self.figure != figure {
        (self.figure, bar) = (figure, ProgressBar("computing \(figure)", total: total))
      }
      return bar.line(done, unit: "images")
    }
  }
}
