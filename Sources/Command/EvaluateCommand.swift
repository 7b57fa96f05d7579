import Datasets
import Foundation
import Metrics
import Reporting
import Studies
import Torch
import Training

/// The command `mcdrl evaluate`.
enum EvaluateCommand: Subcommand {
  static let name = "evaluate"
  static let summary = "score a run at a site, beside predictors that ignore the image"
  static let usage = "RUN [--data DATA] [--site SITE …] [options] | RUN… --counterfactual SWEEP"
  static let example = "mcdrl evaluate runs/c3 --data polypgen"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [Operand.oneOrMore("RUN", "a run folder", "a run folder of mcdrl train")]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the run")
    let sites = Option.spaces(
      "site", "SITE", .text, remark: "the one that was held out; all of another data set",
      "the sites to score, or all")
    let scoring = ScoringOptions()
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let counterfactual = Option.optional(
      "counterfactual", "SWEEP", .file,
      "measure how predictions move under each intervention of mcdrl synth --sweep")
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    if let sweep = try arguments.counterfactual {
      return try counterfactual(arguments, sweep: sweep, console)
    }
    guard arguments.operands.count == 1 else {
      throw UsageError.tooMany("run folder", found: arguments.operands.count, allowedWith: "counterfactual")
    }
    let run = try Run.open(
      at: URL(fileURLWithPath: arguments.operands[0]), methods: MCDRLCommand.methods, clip: ProjectFiles.clips
    )
    let lock = try OutputFolder.lock(run.folder.url, console)
    defer { withExtendedLifetime(lock) {} }
    var rules = Run.EvaluationRules()
    (rules.tolerance, rules.spacing) = (
      try arguments.scoring.distances.tolerance, try arguments.scoring.distances.spacing
    )
    rules.evaluation = try arguments.scoring.evaluation
    let catalog = try run.catalog(at: arguments.data.map { URL(fileURLWithPath: $0) })
    let sites = try sites(arguments.sites, of: run, catalog, hasOwnData: arguments.data == nil)
    let predictor = try predictor(of: run, arguments)
    console.note(predictor.statement)
    DataNotes.leftOut(catalog, console)
    try DataNotes.masks(sites, limits: run.configuration.reader.limits, console)
    let results = try sites.map { site in
      let bar = ProgressBar(site.name, total: max(site.samples.count, site.testSamples.count))
      let result = try run.evaluate(on: site, with: predictor, rules: rules) { done, _ in
        console.progress(bar.line(done, unit: "images"))
      }
      console.progress("")
      let folder = run.folder.url
      try run.folder.write(result, to: folder.appendingPathComponent("evaluation-\(site.name).json"))
      try result.table().write(to: folder.appendingPathComponent("evaluation-\(site.name).csv"))
      return result
    }
    if console.json {
      try console.result(json: results)
    } else {
      for result in results { console.result(text(result)) }
      console.result(EmptyMaskPolicy.statement)
      for finding in results.flatMap(\.findings) { console.result(finding) }
    }
  }

  private static func predictor(of run: Run, _ arguments: Arguments<Options>) throws -> Predictor {
    try run.predictor(
      device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
      threshold: arguments.scoring.threshold)
  }

  /// Returns the sites to score.
  ///
  /// These are the named ones, otherwise the held-out one, otherwise all of another data set.
  private static func sites(
    _ names: [String], of run: Run, _ catalog: SiteCatalog, hasOwnData: Bool
  ) throws -> [Site] {
    if names == ["all"] { return catalog.sites }
    guard names.isEmpty else { return try names.map(catalog.site) }
    let heldOut = run.configuration.holdOut
    if let heldOut, hasOwnData || catalog.sites.contains(where: { $0.name == heldOut }) {
      return [try catalog.site(heldOut)]
    }
    return catalog.sites
  }

  private static func counterfactual(_ arguments: Arguments<Options>, sweep: URL, _ console: Console) throws {
    let runs = try arguments.operands.map {
      try Run.open(
        at: URL(fileURLWithPath: $0), methods: MCDRLCommand.methods, clip: ProjectFiles.clips)
    }
    let (scoring, distances) = (arguments.scoring, arguments.scoring.distances)
    let others = [
      arguments.written(\.data), arguments.written(\.sites),
      distances.written(\.tolerance), distances.written(\.spacing), scoring.written(\.evaluation),
    ]
    if let other = others.compactMap({ $0 }).first {
      throw UsageError.conflict(
        other, with: "counterfactual", reason: "the scenes and their masks come from the folder of the sweep")
    }
    let locks = try OutputFolder.lock(runs.map(\.folder.url), console)
    defer { withExtendedLifetime(locks) {} }
    let report = try CounterfactualReport(
      runs, sweep: Sweep(sweep), predictor: { try predictor(of: $0, arguments) }, console)
    for (run, entry) in zip(runs, report.entries) {
      try run.folder.write(entry, to: run.folder.url.appendingPathComponent("counterfactual.json"))
    }
    try report.show(console)
  }

  private static func text(_ evaluation: Evaluation) -> String {
    let rows =
      [(evaluation.method, evaluation.model)]
      + TrivialPredictor.allCases.compactMap { predictor in
        evaluation.trivial[predictor.rawValue].map { (predictor.rawValue, $0) }
      }
    let overlap = Console.table(
      ["", "Dice", "IoU", "boundary IoU", "accuracy", "Dice (lesion)", "SD of Dice"],
      rows.map { name, summary in
        [name] + [Metric.dice, .iou, .boundaryIoU, .accuracy].map { format(summary.metrics[$0]?.mean) }
          + [format(summary.meanDiceWithLesion), format(summary.metrics[.dice]?.standardDeviation)]
      })
    let unit = evaluation.model.distanceUnit?.rawValue ?? DistanceUnit.pixels.rawValue
    // Only images with a lesion count. If both masks are empty, the distance is 0, which would
    // reward a model that marks nothing.
    let detection = Console.table(
      [
        "", "HD95 (\(unit))", "% of diagonal", "defined on", "found", "missed", "false", "sensitivity",
        "false an image",
      ],
      rows.map { name, summary in
        let (distance, lesions) = (summary.metricsWithLesion, summary.detection)
        return [name, format(distance[.hd95]?.mean, 1), format(distance[.hd95Percent]?.mean, 1)]
          + [distance[.hd95]?.count ?? 0, lesions.found, lesions.missed, lesions.falseMarks].map(String.init)
          + [format(lesions.sensitivity), format(lesions.falsePerImage)]
      })
    let criterion = evaluation.model.detection.criterion ?? LesionDetection.defaultCriterion
    return """
      site \(evaluation.site) (\(evaluation.role.text)), n = \(evaluation.model.count), \
      \(evaluation.model.countEmptyReference) without a lesion, means over images at their own size
      \(overlap)

      \(detection)
      HD95 over images with a lesion and a mark; a mark finds a lesion with an IoU of at least \(criterion)
      \(ScoreTables.sentence(evaluation.calibration))\(evaluation.polyp.map { "\n\n" + ScoreTables.text($0) } ?? "")

      """
  }
}
