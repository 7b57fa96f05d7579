import Foundation

/// The files of this checkout.
package enum Project {
  /// Its folder.
  package static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A file or folder of it.
  package static func file(_ path: String) -> URL { root.appendingPathComponent(path) }
}
