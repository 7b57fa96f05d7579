import Foundation
import Storage

/// The files of a source, by their paths relative to it.
package struct SourceTree: Sendable {
  /// The source.
  package let root: URL
  /// The image files of each folder, by the folder's path; the source itself is "".
  package private(set) var folders: [String: [String]] = [:]
  /// The paths of the other files.
  package private(set) var others: Set<String> = []

  /// The tree that several readers look at in turn.
  @TaskLocal static var shared: SourceTree?

  private static let archives: Set<String> = ["zip", "tar", "gz", "tgz", "bz2", "xz", "7z", "rar"]

  /// Lists a folder with all that it holds; it reads no file and follows links, but each folder once.
  ///
  /// - Parameters:
  ///   - root: the folder.
  ///   - kind: the kind of source, for errors.
  /// - Throws: `ImportError` if it is no folder, is too deep or has too many files, `FileError` if a
  ///   folder cannot be read.
  package init(_ root: URL, kind: String) throws {
    self.root = root
    switch FileSystem.kind(of: root) {
    case .folder: break
    case nil: throw ImportError.malformed(root, reason: "no such file or folder; give the folder of the data")
    case .file where Self.archives.contains(root.pathExtension.lowercased()): throw ImportError.archive(root)
    case .file, .other: throw ImportError.wrongLayout(root, kind: kind, reason: "it is no folder")
    }
    var walk = FolderWalk(root)
    try walk.files { entry in
      if entry.kind == .file, ImageFolder.isImage(entry.name) {
        folders[entry.folder, default: []].append(entry.path)
      } else {
        others.insert(entry.path)
      }
      return true
    }
  }

  /// The tree of a source, or nil if it is no folder that can be read; for `recognises`.
  static func look(at source: URL) -> SourceTree? {
    if let shared, shared.root == source { return shared }
    return try? SourceTree(source, kind: "any")
  }

  /// The paths of all image files, in order.
  package var images: [String] { folders.values.flatMap { $0 }.sorted() }

  /// Returns the place of a path.
  package func url(_ path: String) -> URL { path.isEmpty ? root : root.appendingPathComponent(path) }

  /// Returns the folders that hold all of some folders of images, in order.
  ///
  /// - Parameter parts: paths such as `images` and `masks`.
  /// - Returns: the paths of the folders.
  func roots(of parts: [String]) -> [String] {
    guard let first = parts.first else { return [] }
    return folders.keys.compactMap { folder -> String? in
      guard folder == first || folder.hasSuffix("/" + first) else { return nil }
      let root = folder == first ? "" : String(folder.dropLast(first.count + 1))
      return parts.allSatisfy { folders[Self.join(root, $0)] != nil } ? root : nil
    }.sorted()
  }

  /// Returns the only folder that holds all of some folders of images.
  ///
  /// - Parameters:
  ///   - parts: paths such as `images` and `masks`.
  ///   - kind: the kind of source, for errors.
  /// - Returns: the path of the folder.
  /// - Throws: `ImportError.wrongLayout` if there is none, or if there are several.
  func root(of parts: [String], kind: String) throws -> String {
    let found = roots(of: parts)
    guard let root = found.first, found.count == 1 else {
      let wanted = parts.map { $0 + "/" }.joined(separator: " and ")
      throw ImportError.wrongLayout(
        self.root, kind: kind,
        reason: found.isEmpty
          ? "no folder in it holds \(wanted) with images"
          : "several folders hold \(wanted): "
            + found.prefix(5).map { $0.isEmpty ? "itself" : $0 }.joined(separator: ", ")
            + "; give one of them")
    }
    return root
  }

  /// Returns whether the path of the source ends in a name, or a folder of images has it, in any case.
  ///
  /// - Parameter name: a part of a folder's name in lower case, such as `colondb`.
  /// - Returns: whether it is there.
  func isNamed(_ name: String) -> Bool {
    ([root.lastPathComponent] + folders.keys).contains { $0.lowercased().contains(name) }
  }

  /// The image files of a folder in a root; empty if there is no such folder.
  func files(of folder: String, in root: String) -> [String] { folders[Self.join(root, folder)] ?? [] }

  /// Joins a folder and a path.
  static func join(_ folder: String, _ path: String) -> String {
    folder.isEmpty ? path : path.isEmpty ? folder : "\(folder)/\(path)"
  }
}
