import Foundation
import Storage

/// A CSV table with one row per image.
///
/// Its columns are the labels of the caller, every score, the lesions found, missed and falsely
/// marked, and the measures of the polyp protocol if selected. The format is RFC 4180:
/// comma-separated, lines end with CR LF, fields are quoted if necessary. Numbers have a decimal
/// point in every locale, and enough digits to read back the same value. An undefined score is an
/// empty field.
package struct PerImageTable: Sendable {
  /// The names of the label columns, such as `site` and `image`.
  package let labels: [String]

  /// The protocol, which determines the columns.
  package let evaluation: EvaluationProtocol

  /// The whole table so far, with its header.
  package private(set) var csv: String

  /// Starts a table with its header.
  ///
  /// - Parameters:
  ///   - labels: The names of the label columns.
  ///   - evaluation: Whether the columns include the measures of the polyp protocol.
  package init(labels: [String] = ["image"], evaluation: EvaluationProtocol = .fixedThreshold) {
    self.labels = labels
    self.evaluation = evaluation
    let scores = Metric.allCases.map(\.rawValue)
    let rest = [
      "nsd_tolerance", "distance_unit", "lesions_found", "lesions_missed", "lesions_false", "reference_share",
      "reference_empty",
      "prediction_empty",
    ]
    csv = Self.line(labels + scores + rest + (evaluation == .pranet ? PolypProtocol.Means.names : []))
  }

  /// Adds the row of one image.
  ///
  /// - Parameters:
  ///   - rowLabels: One label for each label column, in their order.
  ///   - scores: The image's scores.
  ///   - polyp: The image's polyp measures, for a table that has their columns.
  /// - Throws: ``MetricError/labelCount(expected:found:)`` if the labels do not match the columns.
  package mutating func append(
    _ rowLabels: [String], _ scores: ImageScores, polyp: PolypProtocol.Means? = nil
  )
    throws
  {
    guard rowLabels.count == labels.count else {
      throw MetricError.labelCount(expected: labels, found: rowLabels)
    }
    let values = Metric.allCases.map { metric in scores[metric].map { $0.description } ?? "" }
    let detection = [scores.detection.found, scores.detection.missed, scores.detection.falseMarks]
    let rest =
      [scores.tolerance.description, scores.distanceUnit.rawValue] + detection.map(\.description)
      + [
        scores.referenceShare.description, scores.referenceIsEmpty.description,
        scores.predictionIsEmpty.description,
      ]
    csv += Self.line(rowLabels + values + rest + (evaluation == .pranet ? Self.fields(polyp) : []))
  }

  /// Writes the table as UTF-8, completely or not at all.
  ///
  /// - Parameter file: The file to make or replace.
  /// - Throws: `FileError` that names the file.
  package func write(to file: URL) throws { try AtomicFile.write(Data(csv.utf8), to: file) }

  /// Formats the measures of the polyp protocol; empty fields without them.
  private static func fields(_ means: PolypProtocol.Means?) -> [String] {
    guard let means else { return PolypProtocol.Means.names.map { _ in "" } }
    return means.named.map(\.value.description)
  }

  private static func line(_ fields: [String]) -> String {
    fields.map(quoted).joined(separator: ",") + "\r\n"
  }

  /// Quotes a field that contains a comma, a quote or a line break, and doubles its quotes.
  private static func quoted(_ field: String) -> String {
    // This works on scalars, because Swift reads CR LF as one character that is neither of the two.
    let needsQuotes = field.unicodeScalars.contains { [",", "\"", "\r", "\n"].contains($0) }
    return needsQuotes ? "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : field
  }
}
