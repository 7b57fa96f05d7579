import Foundation

/// A file of a folder, as its name and the folder.
///
/// A URL takes about 0.5 KiB. Files of one folder share the folder's, and their own are made at each
/// use.
package struct ListedFile: Hashable, Sendable {
  private let folder: URL
  /// The name in the folder; nil for a file that no listing found.
  private let name: String?

  /// Makes a file of a listed folder.
  init(_ name: String, in folder: URL) { (self.folder, self.name) = (folder, name) }

  /// Makes a file that no listing found.
  init(_ url: URL) { (folder, name) = (url, nil) }

  /// The file.
  package var url: URL { name.map { folder.appendingPathComponent($0, isDirectory: false) } ?? folder }
}
