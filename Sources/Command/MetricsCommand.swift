import Datasets
import Foundation
import Imaging
import Metrics
import Reporting
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
      "prediction", "P", .file, "a mask or a grey probability image, or a folder of them")
    let reference = Option.required(
      "reference", "R", .file, "a mask, or a folder of masks with the names of the predictions")
    let scoring = ScoringOptions(
      threshold: Shared.threshold.saying("a pixel of at least this probability (grey level / 255) is lesion"))
    let csv = Option.optional("csv", "FILE", .file, "write the scores of each image to this file")
  }

  /// The document of `--json`: the scores or their summary, and the rules of their computation.
  private struct Report<Scores: Encodable>: Encodable {
    let scores: Scores
    let evaluation: EvaluationProtocol
    let threshold: Double
    /// The table of the polyp protocol; nil without `--protocol pranet`.
    let polyp: PolypProtocol.Summary?
    /// The agreement of probabilities and references; nil if predictions are masks.
    let calibration: Reliability.Summary?

    enum CodingKeys: String, CodingKey {
      case threshold, polyp, calibration
      case evaluation = "protocol"
      case policy = "empty_mask_policy"
    }

    func encode(to encoder: any Encoder) throws {
      try scores.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(evaluation, forKey: .evaluation)
      try container.encode(threshold, forKey: .threshold)
      try container.encodeIfPresent(polyp, forKey: .polyp)
      try container.encodeIfPresent(calibration, forKey: .calibration)
      try container.encode(EmptyMaskPolicy.statement, forKey: .policy)
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (evaluation, threshold) = (try arguments.scoring.evaluation, try arguments.scoring.threshold)
    let distances = arguments.scoring.distances
    let (tolerance, spacing) = (try distances.tolerance, try distances.spacing)
    let pairs = try pair(arguments.prediction, arguments.reference)
    var table = PerImageTable(labels: ["image"], evaluation: evaluation)
    var scores: [ImageScores] = []
    var polyp = PolypProtocol()
    var reliability = try Reliability()
    for (name, prediction, reference) in pairs {
      let (found, wanted) = try read(prediction, reference)
      guard evaluation == .pranet else {
        scores.append(
          try ImageScores(
            prediction: found.mask(atLeast: threshold), reference: wanted, tolerance: tolerance,
            spacing: spacing))
        try table.append([name], scores[scores.count - 1])
        continue
      }
      let assessment = try ImageAssessment(
        probability: found, reference: wanted, threshold: threshold, tolerance: tolerance, spacing: spacing)
      scores.append(assessment.scores)
      polyp.merge(assessment.polyp)
      try reliability.merge(assessment.reliability)
      try table.append([name], assessment.scores, polyp: assessment.polyp)
    }
    if let csv = try arguments.csv { try table.write(to: csv) }
    let isGrey = evaluation == .pranet
    func report<Scores>(_ scores: Scores) -> Report<Scores> {
      Report(
        scores: scores, evaluation: evaluation, threshold: threshold, polyp: isGrey ? polyp.summary : nil,
        calibration: isGrey ? reliability.summary : nil)
    }
    if let only = scores.first, scores.count == 1 {
      if console.json { return try console.result(json: report(only)) }
      console.result(
        Console.table(["metric", "value"], Metric.allCases.map { [label($0, only), format(only[$0], 4)] }))
    } else {
      let summary = try ScoreSummary(of: scores)
      if console.json { return try console.result(json: report(summary)) }
      console.result(text(summary))
      for finding in findings(scores) { console.result(finding) }
    }
    console.result(ScoreTables.sentence(try LesionDetection.Summary(of: scores.map(\.detection))))
    if isGrey {
      console.result(ScoreTables.sentence(reliability.summary))
      console.result(ScoreTables.text(polyp.summary))
    }
    console.result(EmptyMaskPolicy.statement)
  }

  /// Reads a prediction's grey levels and its reference, which must have the same size.
  private static func read(_ prediction: URL, _ reference: URL) throws -> (ProbabilityMap, BinaryMask) {
    let found = try MaskFile.read(prediction)
    let wanted = try SampleReader(size: 1).mask(reference, lesionLabels: nil)
    guard [found.height, found.width] == wanted.shape else {
      throw DatasetError.sizeMismatch(
        image: prediction, imageSize: [found.width, found.height], mask: reference,
        maskSize: wanted.shape.reversed())
    }
    return (
      try ProbabilityMap(width: found.width, height: found.height, levels: found.pixels),
      try BinaryMask(wanted)
    )
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

  private static func pair(_ prediction: URL, _ reference: URL) throws -> [(String, URL, URL)] {
    func isFolder(_ url: URL) -> Bool {
      (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory ?? false
    }
    guard isFolder(prediction) == isFolder(reference) else {
      throw UsageError.wrongCombination(
        "--prediction and --reference must both be images or both be folders")
    }
    guard isFolder(prediction) else {
      return [(prediction.deletingPathExtension().lastPathComponent, prediction, reference)]
    }
    let predictions = try SiteCatalog.images(in: prediction)
    let references = try SiteCatalog.images(in: reference)
    let missing = references.keys.filter { predictions[$0] == nil }.sorted()
    guard !references.isEmpty else {
      throw WorkError.noImages(reference, wanted: "the reference masks")
    }
    guard missing.isEmpty else {
      throw WorkError.missingPredictions(
        prediction, references: reference, missing: missing, of: references.count)
    }
    return references.keys.sorted().compactMap { stem in
      guard let first = predictions[stem], let second = references[stem] else { return nil }
      return (stem, first, second)
    }
  }
}
