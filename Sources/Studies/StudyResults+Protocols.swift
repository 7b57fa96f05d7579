import Foundation
import Metrics
import Storage
import Training

extension StudyResults {
  /// The pooled results of one method at a site, or over the sites.
  ///
  /// They add to the mean score of an image. They are pooled over the seeds and, in the row over
  /// sites, over the images of all sites: the weight of a site is its number of images.
  package struct Pooled: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The site; nil for all sites together.
    @Nullable package private(set) var site: String?
    /// Lesions found, missed and marked falsely.
    package let detection: LesionDetection.Summary
    /// The calibration of probabilities; nil if a fold has none.
    @Nullable package private(set) var calibration: Reliability.Summary?
    /// The polyp protocol, which averages over thresholds; nil if a fold has none.
    @Nullable package private(set) var polyp: PolypProtocol.Summary?

    /// Pools the folds of one method.
    ///
    /// - Throws: `MetricError` if lesions were found by different criteria, or bins differ.
    init(method: String, site: String?, _ folds: [FoldResult]) throws {
      self.method = method
      self.site = site
      detection = try LesionDetection.Summary(of: folds.flatMap { $0.images.map(\.scores.detection) })
      var (reliability, polyp) = (folds.first?.reliability, folds.first?.polyp)
      for fold in folds.dropFirst() {
        if let next = fold.reliability { try reliability?.merge(next) } else { reliability = nil }
        if let next = fold.polyp { polyp?.merge(next) } else { polyp = nil }
      }
      calibration = reliability?.summary
      self.polyp = polyp?.summary
    }
  }

  /// Pools every method at every site, then over the sites.
  static func pooled(_ folds: [FoldResult], methods: [String], sites: [String]) throws -> [Pooled] {
    try methods.flatMap { method in
      let own = folds.filter { $0.method == method }
      return try sites.map { site in
        try Pooled(method: method, site: site, own.filter { $0.site == site })
      } + [Pooled(method: method, site: nil, own)]
    }
  }

  /// Lesion detection and calibration by method, over all sites.
  ///
  /// Lesions are found, missed or falsely marked.
  package var detectionTable: TextTable {
    let rows = overall.map { row -> [String] in
      let detection = row.detection
      return [
        row.method, "\(detection.found)", "\(detection.missed)", Self.number(detection.sensitivity),
        Self.number(detection.falsePerImage), Self.number(detection.precision),
      ]
    }
    return (["method", "found", "missed", "sensitivity", "false per image", "precision"], rows)
  }

  /// Brier score and calibration error by method, over all sites.
  package var calibrationTable: TextTable {
    let rows = overall.map { row in
      [
        row.method, Self.number(row.calibration?.brier, 4),
        Self.number(row.calibration?.expectedCalibrationError, 4),
      ]
    }
    return (["method", "Brier score", "calibration error (ECE)"], rows)
  }

  /// The polyp protocol by method, over all sites; nil if it was not measured.
  package var polypTable: TextTable? {
    let summaries = overall.compactMap { row in row.polyp?.all.map { (row.method, $0) } }
    guard let first = summaries.first else { return nil }
    return (
      ["method"] + first.1.named.map { Self.title($0.name) },
      summaries.map { [$0] + $1.named.map { Self.number($0.value) } }
    )
  }

  /// Returns the name of a measure of the polyp protocol for people.
  private static func title(_ name: String) -> String {
    name.split(separator: "_").map { part in
      ["dice": "Dice", "iou": "IoU", "mae": "MAE", "e": "E", "f": "F", "s": "S"][part] ?? String(part)
    }.joined(separator: " ")
  }

  /// The definition of the polyp protocol, if it was measured.
  package var polypDefinition: String? { overall.lazy.compactMap(\.polyp?.definition).first }

  private var overall: [Pooled] { pooled.filter { $0.site == nil } }

  private static func number(_ value: Double?, _ decimals: Int = 3) -> String {
    value.map { String(format: "%.\(decimals)f", $0) } ?? "–"
  }
}
