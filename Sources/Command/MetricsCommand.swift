import Datasets
import Evaluation
import Foundation
import Torch
import Training

/// `mcdrl metrics`.
enum MetricsCommand: Subcommand {
  static let name = "metrics"
  static let summary = "score one pair of masks, or two folders"
  static let usage = "--prediction P --reference R"
  static let example = "mcdrl metrics --prediction predictions --reference polypgen/c3/masks --json"
  static let options: [Option] = [
    .one("prediction", "P", "a mask, or a folder of masks"),
    .one("reference", "R", "a mask, or a folder of masks with the same stems"),
    .one("tolerance", "PIXELS", "of the normalised surface Dice (2)"),
    .one("csv", "FILE", "write the scores of each image"),
  ]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let prediction = URL(fileURLWithPath: try arguments.required("prediction"))
    let reference = URL(fileURLWithPath: try arguments.required("reference"))
    let tolerance = try arguments.number("tolerance") ?? 2
    let pairs = try pair(prediction, reference)
    var table = PerImageTable(labels: ["image"])
    let scores = try pairs.map { name, prediction, reference in
      let reader = SampleReader(size: 1)
      let found = try reader.mask(prediction, lesionLabels: nil)
      let wanted = try reader.mask(reference, lesionLabels: nil)
      guard found.shape == wanted.shape else {
        throw DatasetError.sizeMismatch(
          image: prediction, imageSize: found.shape.reversed(), mask: reference,
          maskSize: wanted.shape.reversed())
      }
      let score = try ImageScores(
        prediction: BinaryMask(found), reference: BinaryMask(wanted), tolerance: tolerance)
      try table.append([name], score)
      return score
    }
    if let csv = arguments.last("csv") { try table.write(to: URL(fileURLWithPath: csv)) }
    if scores.count == 1 {
      try print(scores[0], console)
    } else {
      try print(ScoreSummary(of: scores), console)
    }
  }

  private static func print(_ scores: ImageScores, _ console: Console) throws {
    if console.json { return try console.result(json: scores) }
    console.result(
      Console.table(["metric", "value"], Metric.allCases.map { [$0.rawValue, format(scores[$0], 4)] }))
  }

  private static func print(_ summary: ScoreSummary, _ console: Console) throws {
    if console.json { return try console.result(json: summary) }
    let rows = Metric.allCases.compactMap { metric in
      summary.metrics[metric].map { [metric.rawValue, format($0.mean, 4), format($0.standardDeviation, 4)] }
    }
    console.result("n = \(summary.count), \(summary.countEmptyReference) references are empty")
    console.result(Console.table(["metric", "mean", "SD"], rows))
    console.result(summary.policy)
  }

  private static func pair(_ prediction: URL, _ reference: URL) throws -> [(String, URL, URL)] {
    func isFolder(_ url: URL) -> Bool {
      (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory ?? false
    }
    guard isFolder(prediction) == isFolder(reference) else {
      throw UsageError(description: "--prediction and --reference must both be masks or both be folders")
    }
    guard isFolder(prediction) else {
      return [(prediction.deletingPathExtension().lastPathComponent, prediction, reference)]
    }
    let predictions = try SiteCatalog.images(in: prediction)
    let references = try SiteCatalog.images(in: reference)
    let missing = references.keys.filter { predictions[$0] == nil }.sorted()
    guard !references.isEmpty else {
      throw ConfigurationError("\(reference.path): the folder holds no image; give the reference masks")
    }
    if let first = missing.first {
      throw ConfigurationError(
        "\(prediction.path): lacks \(missing.count) of the \(references.count) masks in \(reference.path), "
          + "such as \(first); predictions need the names of their references")
    }
    return references.keys.sorted().compactMap { stem in
      guard let first = predictions[stem], let second = references[stem] else { return nil }
      return (stem, first, second)
    }
  }
}
