import Foundation
import Storage

/// The decisions in the folder of a review: those that the server saved, and those that a page from disk
/// exported.
package enum DecisionFiles {
  /// The most bytes of a decision.
  static let limit = Data.documentLimit

  /// A decision, and the file that holds it.
  package struct Found: Sendable {
    /// The decision.
    package let decision: Decision
    /// The file.
    package let file: URL
  }

  /// The decisions of an export.
  private struct Export: Decodable {
    var format: Int
    var kind: String
    var review: String
    var decisions: [Decision]

    static let kind = "mcdrl review decisions"
  }

  /// Reads one decision.
  ///
  /// - Throws: `ReviewError.decision` or `FileError` that names the file.
  static func read(_ file: URL) throws -> Decision { try decode(file) }

  /// Reads all decisions of a review, the newest of each reviewer for each item.
  ///
  /// - Parameter content: the review.
  /// - Returns: the decisions in the order of reviewers and items, and those of items that the review no
  ///   longer has.
  /// - Throws: `ReviewError.decision` or `FileError` that names a file that cannot be used.
  package static func all(of content: ReviewContent) throws -> (found: [Found], strays: [Found]) {
    var newest: [[String]: (found: Found, date: Date)] = [:]
    var strays: [Found] = []
    func add(_ decision: Decision, _ file: URL) throws {
      let found = Found(decision: decision, file: file)
      guard content.row(decision.item) != nil || decision.review != content.document.id else {
        return strays.append(found)
      }
      if let fault = decision.fault(in: content) { throw ReviewError.decision(file, reason: fault) }
      let (key, date) = ([decision.reviewer, decision.item], decision.date ?? .distantPast)
      if let known = newest[key],
        (known.date, known.found.decision.revision ?? 0) >= (date, decision.revision ?? 0)
      {
        return
      }
      newest[key] = (found, date)
    }
    let folder = content.folder.decisions
    guard FileSystem.kind(of: folder) == .folder else { return ([], []) }
    for entry in try FileSystem.entries(of: folder) where !entry.name.hasPrefix(".") {
      let url = folder.appendingPathComponent(entry.name)
      if entry.isFolder {
        guard ReviewerName.isValid(entry.name) else {
          throw ReviewError.decision(url, reason: ReviewerName.rule)
        }
        for file in try FileSystem.contents(of: url) where !file.lastPathComponent.hasPrefix(".") {
          let decision = try read(file)
          guard decision.reviewer == entry.name,
            file.lastPathComponent == "\(decision.item).json"
          else {
            throw ReviewError.decision(
              file,
              reason:
                "it is of \(NativePath.shown(decision.reviewer)) and \(NativePath.shown(decision.item)), not of its name"
            )
          }
          try add(decision, file)
        }
      } else if entry.name.hasPrefix("decisions-"), url.pathExtension == "json" {
        let export = try decode(url, as: Export.self)
        guard export.format == ReviewDocument.currentFormat, export.kind == Export.kind else {
          throw ReviewError.decision(url, reason: "it is no export of the review page of this version")
        }
        for decision in export.decisions { try add(decision, url) }
      } else {
        throw ReviewError.decision(
          url, reason: "it is neither a reviewer's folder nor an export called decisions-NAME.json")
      }
    }
    let found = newest.values.map(\.found).sorted {
      ($0.decision.reviewer, $0.decision.item) < ($1.decision.reviewer, $1.decision.item)
    }
    return (found, strays)
  }

  private static func decode<Value: Decodable>(_ file: URL, as type: Value.Type = Value.self) throws -> Value
  {
    let data = try Data(file: file, limit: 4 * limit)
    do { return try JSONDecoder().decode(Value.self, from: data) } catch {
      throw ReviewError.decision(file, reason: "it is no decision: \(explanation(of: error))")
    }
  }
}
