import Foundation
import Metrics
import Statistics
import Storage
import Torch
import Training

/// The scores of each image of an evaluation, from its CSV file.
struct CardTable {
  private let groups: [String]
  private let classes: [String]
  private let values: [Metric: [Double?]]
  private let shares: [Double?]
  /// Whether each image has no lesion.
  private let isEmpty: [Bool]

  /// Reads the table that stands beside an evaluation.
  ///
  /// - Parameters:
  ///   - url: the CSV file.
  ///   - summary: the summary of the same images.
  /// - Throws: `FileError` that names the file, also if it is of other images.
  init(_ url: URL, of summary: ScoreSummary) throws {
    let table = try CSVTable(contentsOf: url)
    func column(_ name: String) throws -> [String] {
      guard let column = table[name] else {
        throw FileError.malformed(url, reason: "lacks the column \(name); evaluate again")
      }
      return column
    }
    func numbers(_ name: String) throws -> [Double?] {
      try column(name).enumerated().map { row, text in
        if text.isEmpty { return nil }
        guard let number = Double(text), number.isFinite else {
          throw FileError.malformed(
            url, reason: "row \(row + 2): \(name) is \"\(text.prefix(40))\", no number; evaluate again")
        }
        return number
      }
    }
    (groups, classes) = (try column("group"), try column("class"))
    values = try [
      .dice: numbers(Metric.dice.rawValue), .iou: numbers(Metric.iou.rawValue),
      .hd95: numbers(Metric.hd95.rawValue),
    ]
    let overlaps = (values[.dice] ?? []) + (values[.iou] ?? [])
    if let wrong = overlaps.compactMap({ $0 }).first(where: { !(0...1).contains($0) }) {
      throw FileError.malformed(
        url, reason: "has an overlap of \(wrong), which is not from 0 to 1; evaluate again")
    }
    shares = try numbers("reference_share")
    isEmpty = try column("reference_empty").map { $0 == "true" }
    groupCount = Set(groups).count
    let mean = ScoreStatistics(of: values[.dice] ?? []).mean
    guard groups.count == summary.count,
      abs((mean ?? 0) - (summary.metrics[.dice]?.mean ?? 0)) < 1e-6
    else {
      throw FileError.malformed(
        url, reason: "is of other images than the .json beside it; evaluate again, or delete both")
    }
  }

  /// The most patients or sequences that are resampled; more would take gigabytes.
  private static let mostGroups = 20_000

  /// The number of patients or sequences.
  let groupCount: Int

  /// Computes a mean over images with its interval; patients or sequences are resampled.
  ///
  /// - Parameters:
  ///   - metric: the score.
  ///   - counts: whether an image counts.
  /// - Returns: the mean; nil if the score is defined on no image that counts.
  /// - Throws: `TorchError` if the generator fails.
  func mean(_ metric: Metric, where counts: (Int) -> Bool) throws -> Interval? {
    let scores = values[metric] ?? []
    guard groupCount <= Self.mostGroups else {
      return ScoreStatistics(of: scores.indices.map { counts($0) ? scores[$0] : nil }).mean.map {
        Interval(
          value: $0, withoutInterval: "a card resamples at most \(Self.mostGroups) of \(groupCount) cases")
      }
    }
    let cases = Dictionary(grouping: scores.indices.filter { counts($0) && scores[$0] != nil }) { groups[$0] }
    let strata = cases.sorted { $0.key < $1.key }.map { $0.value.compactMap { scores[$0] } }
    // With one thread, the sums of products do not depend on the number of threads.
    return try Machine.withThreads(1) { try Bootstrap.mean(ofStrata: [strata]) }
  }

  /// Whether an image has a lesion.
  func hasLesion(_ image: Int) -> Bool { !isEmpty[image] }

  /// Scores by lesion class, lesion size and empty reference; a property that all images share is left out.
  ///
  /// - Throws: `TorchError` if the generator fails.
  func strata() throws -> [ModelCard.Stratum] {
    func rows(_ kind: String, _ names: [String], _ name: (Int) -> String?) throws -> [ModelCard.Stratum] {
      let members = Dictionary(grouping: groups.indices) { name($0) ?? "" }
      let present = names.filter { members[$0] != nil }
      guard present.count > 1 else { return [] }
      return try present.compactMap { stratum in
        let images = Set(members[stratum] ?? [])
        return try mean(.dice, where: images.contains).map {
          ModelCard.Stratum(
            name: "\(kind): \(stratum)", count: images.count, groups: Set(images.map { groups[$0] }).count,
            dice: $0)
        }
      }
    }
    // The class of a whole site says nothing about an image without a lesion.
    let ofLesions = Set(groups.indices.filter(hasLesion).map { classes[$0] }).subtracting([""]).sorted()
    return try rows("class", ofLesions) { hasLesion($0) ? classes[$0] : nil }
      + rows("size", ["small", "medium", "large"]) { image in
        guard hasLesion(image), let share = shares[image] else { return nil }
        return share < StudyStrata.smallBelow ? "small" : share > StudyStrata.largeAbove ? "large" : "medium"
      }
      + rows("reference", ["lesion", "empty"]) { hasLesion($0) ? "lesion" : "empty" }
  }
}
