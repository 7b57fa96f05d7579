import Foundation

/// A folder of a test's own, which goes away with the value that holds it.
package final class TemporaryFolder {
  /// The folder.
  package let url: URL

  /// Makes a folder whose name begins so.
  package init(_ name: String) throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// A place in the folder.
  package func file(_ path: String) -> URL { url.appendingPathComponent(path) }
}
