import Foundation
import Storage

/// A data file of a review: a script with one call, whose argument is JSON.
///
/// A page from disk may load scripts, but may not read other files. See
/// docs/reference/review-format.md.
enum ReviewScript {
  /// The functions that the page defines.
  enum Function: String {
    case review = "mcdrlReview"
    case queue = "mcdrlReviewQueue"
    case item = "mcdrlReviewItem"
    case video = "mcdrlReviewVideo"
  }

  /// Writes a value.
  ///
  /// - Throws: `FileError` that names the file.
  static func write(_ value: some Encodable, calling function: Function, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = try Data("\(function.rawValue)(".utf8) + encoder.encode(value) + Data(");\n".utf8)
    // A file that stays the same keeps its time, and needs no flush.
    guard (try? Data(file: url)) != data else { return }
    try AtomicFile.write(data, to: url)
  }

  /// Reads a value.
  ///
  /// - Throws: `FileError` that names the file.
  static func read<Value: Decodable>(
    _ url: URL, calling function: Function, as type: Value.Type = Value.self
  ) throws -> Value {
    let data = try Data(file: url, limit: 4 * Data.documentLimit)
    let (start, end) = (Data("\(function.rawValue)(".utf8), Data(");\n".utf8))
    guard data.starts(with: start), data.suffix(end.count) == end,
      data.count >= start.count + end.count
    else { throw damaged(url, "it must be \(function.rawValue)(…);") }
    do {
      return try JSONDecoder().decode(Value.self, from: data.dropFirst(start.count).dropLast(end.count))
    } catch { throw damaged(url, "its content cannot be read: \(explanation(of: error))") }
  }

  private static func damaged(_ url: URL, _ reason: String) -> FileError {
    .malformed(url, reason: "is no file of a review: \(reason); write the review again with mcdrl review")
  }
}
