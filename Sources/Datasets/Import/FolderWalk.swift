import Foundation
import Storage

/// Walks over the files below a folder; each folder counts once, also where links lead back.
package struct FolderWalk {
  /// A file, or another thing that is no folder.
  package struct Entry {
    /// The path of the folder relative to the root; the root itself is "".
    package let folder: String
    package let name: String
    /// Nil for a link that leads nowhere.
    package let kind: FileSystem.Kind?

    /// The path relative to the root.
    package var path: String { SourceTree.join(folder, name) }
  }

  private let root: URL
  private let deepest: Int
  private let mostFiles: Int
  private var seen: Set<String>
  private var count = 0

  /// Prepares a walk.
  ///
  /// - Parameters:
  ///   - root: the folder.
  ///   - deepest: the number of folders below it that lie in each other.
  ///   - mostFiles: the number of files.
  ///   - other: a folder that is passed over.
  package init(_ root: URL, deepest: Int = 32, mostFiles: Int = 2_000_000, besides other: URL? = nil) {
    (self.root, self.deepest, self.mostFiles) = (root, deepest, mostFiles)
    seen = Set(other.map { [FileSystem.resolved($0)] } ?? [])
  }

  /// Hands out the files in the order of their names, without hidden ones and those of systems.
  ///
  /// - Parameter use: takes a file, and returns whether to go on.
  /// - Throws: `ImportError` for a source that is too deep or has too many files, `FileError` for a
  ///   folder that cannot be read.
  package mutating func files(_ use: (Entry) -> Bool) throws { _ = try walk("", depth: 0, use) }

  private mutating func walk(_ folder: String, depth: Int, _ use: (Entry) -> Bool) throws -> Bool {
    let place = folder.isEmpty ? root : root.appendingPathComponent(folder)
    guard seen.insert(FileSystem.resolved(place)).inserted else { return true }
    guard depth <= deepest else {
      throw ImportError.malformed(
        place, reason: "folders are nested more than \(deepest) deep; give a part of the source")
    }
    for name in try ImageFolder.names(in: place) {
      let path = SourceTree.join(folder, name)
      let kind = FileSystem.kind(of: root.appendingPathComponent(path))
      if kind == .folder {
        guard try walk(path, depth: depth + 1, use) else { return false }
        continue
      }
      count += 1
      guard count <= mostFiles else {
        throw ImportError.malformed(root, reason: "holds more than \(mostFiles) files; give a part of it")
      }
      guard use(Entry(folder: folder, name: name, kind: kind)) else { return false }
    }
    return true
  }
}
