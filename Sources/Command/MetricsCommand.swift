import Datasets
import Foundation
import Metrics
import Reporting
import Storage
import Studies
import Torch
import Training

/// The command `mcdrl metrics`.
enum MetricsCommand: Subcommand {
  static let name = "metrics"
  static let summary = "score predictions against reference masks: one pair, or two folders"
  static let example = "mcdrl metrics --prediction predictions --reference polypgen/c3/masks --json"
  static let options = Options()

  struct Options: OptionGroup {
    let prediction = Option.required(
      "prediction", "P", .file,
      "a mask or a grey probability image, or a folder of them, also as predict writes it")
    let reference = Option.required(
      "reference", "R", .file,
      "a mask, or a folder of masks with the names of the predictions")
    let predictionValues = Option.optional(
      "prediction-values", "V,…|grey", .maskValues, remark: "found from all predictions",
      "the values of predictions that are lesion, or grey for probabilities")
    let referenceValues = Option.optional(
      "reference-values", "V,…|grey", .maskValues, remark: "found from all references",
      "the values of references that are lesion, or grey for above 127")
    let scoring = ScoringOptions(
      threshold: Shared.threshold.remarked("0.5").saying(
        "the lowest probability (grey level / 255) of a lesion pixel; dice finds the level of each image"))
    let csv = Option.optional("csv", "FILE", .file, "write the scores of each image to this file")
  }

  /// The document of `--json`: the scores of two files or the summary of two folders, and the rules
  /// of their computation.
  private struct Report<Scores: Encodable>: Encodable {
    let scores: Scores
    let evaluation: EvaluationProtocol
    let threshold: MaskThreshold
    let values: MaskPairs.Statement
    /// The table of the polyp protocol; nil without `--protocol pranet`.
    let polyp: PolypProtocol.Summary?
    /// The agreement of probabilities and references; nil if predictions are masks.
    let calibration: Reliability.Summary?

    enum CodingKeys: String, CodingKey {
      case threshold, polyp, calibration
      case evaluation = "protocol"
      case policy = "empty_mask_policy"
      case values = "mask_values"
    }

    func encode(to encoder: any Encoder) throws {
      try scores.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(evaluation, forKey: .evaluation)
      try container.encode(threshold, forKey: .threshold)
      try container.encode(values, forKey: .values)
      try container.encodeIfPresent(polyp, forKey: .polyp)
      try container.encodeIfPresent(calibration, forKey: .calibration)
      try container.encode(EmptyMaskPolicy.statement, forKey: .policy)
    }
  }

  /// Pairs that are scored before their curves are pooled.
  private static let pairsInMemory = 512

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (evaluation, threshold) = (
      try arguments.scoring.evaluation, try arguments.scoring.threshold ?? 0.5
    )
    let distances = arguments.scoring.distances
    let (tolerance, spacing) = (try distances.tolerance, try distances.spacing)
    let isGrey = evaluation == .pranet
    let pairs = try MaskPairs(arguments.prediction, arguments.reference, prefersProbabilities: isGrey)
    for note in pairs.notes { console.note(note) }
    let reader = try pairs.reader(
      prediction: arguments.predictionValues, reference: arguments.referenceValues)
    console.note(
      "predictions: \(reader.prediction.statement); references: \(reader.reference.statement)")
    var table = PerImageTable(labels: ["image"], evaluation: evaluation)
    var scores: [ImageScores] = []
    var polyp = PolypProtocol()
    var reliability = try Reliability()
    var failures: [String] = []
    let (bar, done) = (ProgressBar("scoring", total: pairs.pairs.count), Tally())
    // An assessment holds curves; so a slice of them is in memory at a time.
    for start in stride(from: 0, to: pairs.pairs.count, by: pairsInMemory) {
      let slice = Array(pairs.pairs[start..<min(start + pairsInMemory, pairs.pairs.count)])
      let scored = try concurrentMap(count: slice.count, on: .cpu) { index in
        defer { if pairs.areFolders { console.progress(bar, done.add(), unit: "pairs") } }
        return try Result { try reader.read(slice[index]) }.mapped { found, wanted in
          let assessment =
            isGrey
            ? try ImageAssessment(
              probability: found, reference: wanted, threshold: threshold, tolerance: tolerance,
              spacing: spacing) : nil
          let own =
            try assessment?.scores
            ?? ImageScores(
              prediction: found.mask(threshold), reference: wanted, tolerance: tolerance, spacing: spacing)
          return (scores: own, assessment: assessment)
        }
      }
      for (pair, result) in zip(slice, scored) {
        switch result {
        case .success(let (own, assessment)):
          scores.append(own)
          if let assessment {
            polyp.merge(assessment.polyp)
            try reliability.merge(assessment.reliability)
          }
          try table.append([NativePath.shown(pair.name)], own, polyp: assessment?.polyp.summary.all)
        case .failure(let error):
          guard pairs.pairs.count > 1 else { throw error }
          failures.append("\(error)")
        }
      }
    }
    console.progress("")
    guard !scores.isEmpty else { throw WorkError.images(failures) }
    if let csv = try arguments.csv { try table.write(to: csv) }
    func report<Scores>(_ scores: Scores) -> Report<Scores> {
      Report(
        scores: scores, evaluation: evaluation, threshold: threshold, values: reader.statement,
        polyp: isGrey ? polyp.summary : nil, calibration: isGrey ? reliability.summary : nil)
    }
    // A bad pair does not stop the others, but the command fails.
    func end() throws { if !failures.isEmpty { throw WorkError.images(failures) } }
    // The form depends on the arguments, so that a folder of one pair is a folder.
    if let only = scores.first, !pairs.areFolders {
      if console.json {
        try console.result(json: report(only))
        return try end()
      }
      console.result(
        Console.table(["metric", "value"], Metric.allCases.map { [label($0, only), format(only[$0], 4)] }))
    } else {
      let summary = try ScoreSummary(of: scores)
      if console.json {
        try console.result(json: report(summary))
        return try end()
      }
      console.result(text(summary))
      for finding in findings(scores) { console.result(finding) }
    }
    console.result(ScoreTables.sentence(try LesionDetection.Summary(of: scores.map(\.detection))))
    if isGrey {
      console.result(ScoreTables.sentence(reliability.summary))
      console.result(ScoreTables.text(polyp.summary))
    }
    console.result(EmptyMaskPolicy.statement)
    try end()
  }

  /// States whether the predictions mark nothing, or nearly everything.
  private static func findings(_ scores: [ImageScores]) -> [String] {
    OverlapSummary(of: scores).map {
      PredictionFindings.sentences("The prediction", [.init(name: "on these images", own: $0, trivial: [])])
    } ?? []
  }

  private static func label(_ metric: Metric, _ scores: ImageScores) -> String {
    ScoreTables.label(metric, unit: scores.distanceUnit, tolerance: scores.tolerance)
  }

  private static func text(_ summary: ScoreSummary) -> String {
    let rows = Metric.allCases.compactMap { metric in
      summary.metrics[metric].map { all in
        [
          ScoreTables.label(metric, unit: summary.distanceUnit, tolerance: summary.tolerance),
          String(all.count), format(all.mean, 4), format(all.standardDeviation, 4),
          format(summary.metricsWithLesion[metric]?.mean, 4),
        ]
      }
    }
    return "n = \(summary.count), of which \(summary.countEmptyReference) have an empty reference\n"
      + Console.table(["metric", "defined on", "mean", "SD", "mean with lesion"], rows)
  }
}
