import Foundation

/// A CSV table with one row an image: label columns of the caller's choice, then every score.
///
/// As RFC 4180 has it: comma-separated, lines ended by CR LF, fields quoted where they need it. Numbers have a point
/// whatever the locale and as many digits as read back to the same value; an undefined score is an empty field.
public struct PerImageTable: Sendable {
  /// The names of the label columns, such as `site` and `image`.
  public let labels: [String]

  /// The whole table so far, header included.
  public private(set) var csv: String

  /// Starts a table with its header.
  ///
  /// - Parameter labels: The names of the label columns.
  public init(labels: [String] = ["image"]) {
    self.labels = labels
    let scores = Metric.allCases.map(\.rawValue)
    csv = Self.line(labels + scores + ["nsd_tolerance", "reference_empty", "prediction_empty"])
  }

  /// Adds the row of one image.
  ///
  /// - Parameters:
  ///   - rowLabels: One label for each label column, in their order.
  ///   - scores: The image's scores.
  /// - Throws: ``MetricError/labelCount(expected:found:)`` when the labels do not match the columns.
  public mutating func append(_ rowLabels: [String], _ scores: ImageScores) throws {
    guard rowLabels.count == labels.count else {
      throw MetricError.labelCount(expected: labels, found: rowLabels)
    }
    let values = Metric.allCases.map { metric in scores[metric].map { $0.description } ?? "" }
    let rest = [
      scores.tolerance.description, scores.referenceIsEmpty.description, scores.predictionIsEmpty.description,
    ]
    csv += Self.line(rowLabels + values + rest)
  }

  /// Writes the table as UTF-8, whole or not at all.
  ///
  /// - Parameter file: The file to make or replace.
  /// - Throws: ``MetricError/cannotWrite(path:reason:)`` naming the file.
  public func write(to file: URL) throws {
    do {
      try Data(csv.utf8).write(to: file, options: .atomic)
    } catch {
      throw MetricError.cannotWrite(path: file.path, reason: error.localizedDescription)
    }
  }

  private static func line(_ fields: [String]) -> String {
    fields.map(quoted).joined(separator: ",") + "\r\n"
  }

  /// Quotes a field that holds a comma, a quote or a line break, and doubles its quotes.
  private static func quoted(_ field: String) -> String {
    // Looks at scalars, for Swift takes CR LF as one character that is neither of the two.
    let needsQuotes = field.unicodeScalars.contains { [",", "\"", "\r", "\n"].contains($0) }
    return needsQuotes ? "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : field
  }
}
