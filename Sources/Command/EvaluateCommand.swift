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
  static let summary = "score a run at a site, beside predictors that ignore the image"
  static let usage = "RUN [--data DATA] [--site SITE …] [options] | RUN… --counterfactual SWEEP"
  static let example = "mcdrl evaluate runs/c3 --data polypgen"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [Operand.oneOrMore("RUN", "a run folder", "a run folder of mcdrl train")]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the run")
    let sites = Option.spaces(
      "site", "SITE", .text, remark: "the one that was held out", "the sites to score")
    let scoring = ScoringOptions()
    let precision = Shared.precision("as trained")
    let counterfactual = Option.optional(
      "counterfactual", "SWEEP", .file,
      "measure how predictions move under each intervention of mcdrl synth --sweep")
  }

  /// The content of `evaluation-SITE.json`.
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
    /// The table of the polyp protocol; nil without `--protocol pranet`.
    let polyp: PolypProtocol.Summary?
    let trivial: [String: ScoreSummary]

    enum CodingKeys: String, CodingKey {
      case site, method, seed, threshold, selection, model, calibration, polyp, trivial
      case evaluation = "protocol"
      case heldOut = "held_out"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    if let sweep = try arguments.counterfactual {
      return try counterfactual(arguments, sweep: sweep, console)
    }
    guard arguments.operands.count == 1 else {
      throw UsageError.wrongCombination("give one run folder; several runs go with --counterfactual only")
    }
    let run = RunDirectory(URL(fileURLWithPath: arguments.operands[0]))
    let (system, configuration) = try RunAssembly.trained(run, on: arguments.common.device)
    if let precision = try arguments.precision { try system.prepare(for: precision) }
    let (evaluation, threshold) = (try arguments.scoring.evaluation, try arguments.scoring.threshold)
    let distances = arguments.scoring.distances
    let (tolerance, spacing) = (try distances.tolerance, try distances.spacing)
    let catalog = try SiteCatalog(
      URL(fileURLWithPath: arguments.data ?? configuration.data),
      defaultClass: configuration.lesionClass.isEmpty ? nil : configuration.lesionClass)
    let named = try arguments.sites
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

  private static func counterfactual(_ arguments: Arguments<Options>, sweep: URL, _ console: Console) throws {
    let runs = arguments.operands.map { RunDirectory(URL(fileURLWithPath: $0)) }
    let (scoring, distances) = (arguments.scoring, arguments.scoring.distances)
    let others = [
      arguments.written(\.data), arguments.written(\.sites), arguments.written(\.precision),
      distances.written(\.tolerance), distances.written(\.spacing), scoring.written(\.evaluation),
    ]
    if let other = others.compactMap({ $0 }).first {
      throw UsageError.conflict(
        other, with: "counterfactual", reason: "the scenes and their masks come from the folder of the sweep")
    }
    let report = try CounterfactualReport(
      runs, sweep: Sweep(sweep), threshold: scoring.threshold, device: arguments.common.device, console)
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
    // Images with a lesion only: where both masks are empty the distance is 0, which would reward a model
    // that marks nothing.
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
      HD95 over images with a lesion and a mark; a mark finds a lesion with an IoU of at least \(criterion)
      \(ScoreTables.sentence(evaluation.calibration))
      \(evaluation.polyp.map { "\n" + ScoreTables.text($0) + "\n" } ?? "")\
      \(evaluation.model.policy)
      """
  }
}
