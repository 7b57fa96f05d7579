import Foundation
import Storage

/// The decisions of a review that is served: a file for each reviewer and item.
///
/// A decision counts as saved when its file is on the disk under its name. A crash leaves the old file or
/// the new one.
package final class DecisionStore: Sendable {
  /// Another revision is stored than the one that a change is based on.
  package struct Conflict: Error {
    /// The stored decision.
    package let stored: Decision?
  }

  private let folder: URL
  private let locks = (0..<16).map { _ in NSLock() }

  /// Prepares the folder of the decisions.
  ///
  /// - Parameter review: the review.
  /// - Throws: `FileError` that names the folder, also where a link stands in its place.
  package init(_ review: ReviewFolder) throws {
    folder = review.decisions
    try FileManager.default.createFolder(folder)
    try Self.requireFolder(folder)
    for name in try reviewers() {
      AtomicFile.removeLeftovers(in: folder.appendingPathComponent(name), unchangedFor: 0)
    }
  }

  /// The reviewers with decisions, by name.
  ///
  /// - Throws: `FileError` that names the folder.
  package func reviewers() throws -> [String] {
    try FileSystem.entries(of: folder).filter { $0.isFolder && ReviewerName.isValid($0.name) }.map(\.name)
  }

  /// Saves a decision.
  ///
  /// - Parameters:
  ///   - decision: a decision that fits the review.
  ///   - revision: the revision that the change is based on; 0 for none.
  /// - Returns: the revision that was given.
  /// - Throws: `Conflict`, or `FileError` that names the file. The stored decision is then untouched.
  package func save(_ decision: Decision, replacing revision: Int) throws -> Int {
    let place = folder.appendingPathComponent(decision.reviewer)
    let file = place.appendingPathComponent("\(decision.item).json")
    let lock = locks[abs((decision.reviewer + "/" + decision.item).hashValue % locks.count)]
    return try lock.withLock {
      let stored = try FileSystem.kind(of: file) == nil ? nil : DecisionFiles.read(file)
      guard stored?.revision ?? 0 == revision else { throw Conflict(stored: stored) }
      try FileManager.default.createFolder(place)
      try Self.requireFolder(place)
      var saved = decision
      saved.revision = revision + 1
      try AtomicFile.write(json: saved, to: file)
      return revision + 1
    }
  }

  /// Returns the stored decisions of a reviewer as JSON, in the order of their names.
  ///
  /// - Parameter reviewer: a valid name.
  /// - Returns: the decisions, and what is wrong with each file that holds none.
  /// - Throws: `FileError` that names the folder.
  package func documents(of reviewer: String) throws -> (decisions: [Data], faults: [String]) {
    let place = folder.appendingPathComponent(reviewer)
    guard FileSystem.kind(of: place) == .folder else { return ([], []) }
    var (decisions, faults): ([Data], [String]) = ([], [])
    for file in try FileSystem.contents(of: place) where file.pathExtension == "json" {
      do {
        _ = try DecisionFiles.read(file)
        decisions.append(try Data(file: file, limit: DecisionFiles.limit))
      } catch {
        faults.append("\(error)")
      }
    }
    return (decisions, faults)
  }

  /// Refuses a link in the place of a folder, which would lead the files out of the review.
  private static func requireFolder(_ url: URL) throws {
    var status = stat()
    guard url.withNativePath({ lstat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw FileError.cannotWrite(url, reason: "it is no folder but a link or a file")
    }
  }
}
