import Datasets
import Foundation
import Metrics
import Reporting
import Studies
import Torch
import Training

/// `mcdrl evaluate`.
enum EvaluateCommand: Subcommand {
  static let name = "evaluate"
  static let summary = "score a run at a site, beside predictors that do not look"
  static let usage = "RUN --data DATA [--site S …] | RUN… --counterfactual SWEEP"
  static let example = "mcdrl evaluate runs/c3 --data polypgen"
  static let choosesDevice = true
  static let options: [Option] = [
    .one("data", "DATA", "folder of sites (the one the run was trained on)"),
    .many("site", "SITE", "sites to score (the one that was held out)"),
    .one(
      "protocol", "fixed-threshold|pranet", "pranet adds the polyp literature's measures over 256 thresholds"),
    .one("tolerance", "D", "of the normalised surface Dice, pixels or with --spacing mm (2)"),
    .one("spacing", "X[,Y]", "mm per pixel, across and down, of all sites; distances are then in mm"),
    .one("threshold", "P", "from which probability on a pixel is lesion (0.5)"),
    .one("precision", "P", "float32, bfloat16 or int8 (as trained)"),
    .one("counterfactual", "SWEEP", "how predictions move under each intervention of mcdrl synth --sweep"),
  ]

  /// What `evaluation-SITE.json` holds.
  private struct Evaluation: Encodable {
    let site: String
    let method: String
    let seed: UInt64
    let threshold: Double
    let heldOut: Bool
    let selection = "highest mean Dice on the source sites' validation split"
    let evaluation: EvaluationProtocol
    let model: ScoreSummary
    let calibration: Reliability.Summary
    /// The polyp protocol's table; nil when it was not asked for.
    let polyp: PolypProtocol.Summary?
    let trivial: [String: ScoreSummary]

    enum CodingKeys: String, CodingKey {
      case site, method, seed, threshold, selection, model, calibration, polyp, trivial
      case evaluation = "protocol"
      case heldOut = "held_out"
    }
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    if let sweep = arguments.last("counterfactual") {
      return try counterfactual(arguments, sweep: sweep, console)
    }
    guard arguments.positional.count == 1 else {
      throw UsageError(description: "give one run folder\nusage: mcdrl \(name) \(usage)")
    }
    let run = RunDirectory(URL(fileURLWithPath: arguments.positional[0]))
    let (system, configuration) = try RunAssembly.compiled(
      run, on: arguments.device() ?? .cpu, for: arguments.precision())
    let (tolerance, spacing) = (try arguments.tolerance(), try arguments.spacing())
    let evaluation = try arguments.evaluationProtocol()
    let threshold = try arguments.probability("threshold") ?? 0.5
    let catalog = try SiteCatalog(
      URL(fileURLWithPath: arguments.last("data") ?? configuration.data),
      defaultClass: configuration.lesionClass.isEmpty ? nil : configuration.lesionClass)
    let named = arguments.all("site")
    let sites = try (named.isEmpty ? [configuration.holdOut] : named).map(catalog.site)
    let segmenter = Segmenter(system, reader: configuration.reader)
    let reader = configuration.reader
    let split = try Split(
      sites: configuration.sources.map(catalog.site), validationShare: configuration.validationShare,
      seed: configuration.seed)
    let meanMask = try TrivialPredictor.meanMask(split.training, reader: reader)

    var results: [Evaluation] = []
    for site in sites {
      let heldOut = !configuration.sources.contains(site.name)
      let samples = heldOut ? site.testSamples : site.samples
      let bar = ProgressBar(site.name, total: samples.count)
      var table = PerImageTable(labels: ["site", "image", "group", "class"], evaluation: evaluation)
      var scores: [ImageScores] = []
      var polyp = PolypProtocol()
      var reliability = try Reliability()
      var trivial: [TrivialPredictor: [ImageScores]] = [:]
      for (index, sample) in samples.enumerated() {
        let assessment = try segmenter.assess(
          sample, threshold: threshold, tolerance: tolerance, spacing: spacing)
        scores.append(assessment.scores)
        polyp.merge(assessment.polyp)
        try reliability.merge(assessment.reliability)
        try table.append(
          [site.name, sample.id, sample.group, sample.lesionClass ?? ""], assessment.scores,
          polyp: assessment.polyp)
        for predictor in TrivialPredictor.allCases {
          trivial[predictor, default: []].append(
            try predictor.scores(
              sample, meanMask: meanMask, reader: reader, tolerance: tolerance, spacing: spacing))
        }
        console.progress(bar.line(index + 1, unit: "images"))
      }
      let result = Evaluation(
        site: site.name, method: configuration.model.method.name, seed: configuration.seed,
        threshold: threshold, heldOut: heldOut, evaluation: evaluation,
        model: try ScoreSummary(of: scores), calibration: reliability.summary,
        polyp: evaluation == .pranet ? polyp.summary : nil,
        trivial: try Dictionary(
          uniqueKeysWithValues: trivial.map { ($0.key.rawValue, try ScoreSummary(of: $0.value)) }))
      try run.write(result, to: run.url.appendingPathComponent("evaluation-\(site.name).json"))
      try table.write(to: run.url.appendingPathComponent("evaluation-\(site.name).csv"))
      results.append(result)
      console.progress("")
    }
    if console.json {
      try console.result(json: results)
    } else {
      for result in results { console.result(text(result)) }
    }
  }

  private static func counterfactual(_ arguments: Arguments, sweep: String, _ console: Console) throws {
    let runs = arguments.positional.map { RunDirectory(URL(fileURLWithPath: $0)) }
    guard !runs.isEmpty else {
      throw UsageError(description: "give at least one run folder\nusage: mcdrl \(name) \(usage)")
    }
    if let other = ["data", "site", "tolerance", "spacing", "protocol", "precision"].first(
      where: arguments.has)
    {
      throw UsageError(
        description: "--\(other) says nothing to --counterfactual, which takes scenes from its folder")
    }
    let report = try CounterfactualReport(
      runs, sweep: Sweep(URL(fileURLWithPath: sweep)), threshold: arguments.probability("threshold") ?? 0.5,
      device: arguments.device() ?? .cpu, console)
    for (run, entry) in zip(runs, report.entries) {
      try run.write(entry, to: run.url.appendingPathComponent("counterfactual.json"))
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
    // With a lesion only: where both masks are empty the rule says 0, which a model that marks nothing would live on.
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
    let kind = evaluation.heldOut ? "held out" : "trained on"
    let criterion = evaluation.model.detection.criterion ?? LesionDetection.defaultCriterion
    return """
      site \(evaluation.site) (\(kind)), n = \(evaluation.model.count), \
      \(evaluation.model.countEmptyReference) without a lesion, means over images at their own size
      \(overlap)

      \(detection)
      HD95 over the images with a lesion where something is marked; a mark finds a lesion with an IoU of at least \(criterion)
      \(ScoreTables.sentence(evaluation.calibration))
      \(evaluation.polyp.map { "\n" + ScoreTables.text($0) + "\n" } ?? "")\
      \(evaluation.model.policy)
      """
  }
}
