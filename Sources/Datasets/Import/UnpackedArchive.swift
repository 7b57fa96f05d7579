import Foundation
import Storage

/// A zip archive that is unpacked for an import, into a hidden folder of the data folder.
///
/// The folder goes away with the value. One that a killed import left goes away at the next import.
package final class UnpackedArchive {
  /// The unpacked files, in a folder that is named after the archive.
  package let folder: URL
  private let place: URL
  private let source: URL

  /// Unpacks an archive; nil for a source that is no zip archive.
  ///
  /// - Parameters:
  ///   - source: the source of an import.
  ///   - data: the data folder, which the caller has locked.
  ///   - progress: receives the number of unpacked files, and of all.
  /// - Throws: `FileError` that names the archive and the file in it.
  package init?(_ source: URL, in data: URL, progress: (Int, Int) -> Void = { _, _ in }) throws {
    self.source = source
    place = data.appendingPathComponent(".unpacked")
    folder = place.appendingPathComponent(source.deletingPathExtension().lastPathComponent)
    guard ZipArchive.isZip(source) else { return nil }
    let archive = try ZipArchive(source)
    remove()
    try FileManager.default.createFolder(folder)
    try archive.extract(to: folder) { progress($0, archive.entries.count) }
  }

  deinit { remove() }

  /// Returns an error of the import with the archive in place of the folder, which goes away.
  package func named(_ error: any Error) -> any Error {
    let text = "\(error)"
    let shown = text.replacingOccurrences(of: folder.shownPath, with: source.shownPath)
      .replacingOccurrences(of: folder.path, with: source.shownPath)
    guard shown != text else { return error }
    guard case .option(let option, _)? = error as? ImportError else { return ImportError.inArchive(shown) }
    let prefix = option + ": "
    return ImportError.option(
      option, reason: shown.hasPrefix(prefix) ? String(shown.dropFirst(prefix.count)) : shown)
  }

  /// Removes the unpacked files.
  package func remove() { try? FileManager.default.removeItem(at: place) }
}
