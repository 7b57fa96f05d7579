import Foundation
import Storage

/// A zip archive that is unpacked for an import, into a hidden folder of the data folder.
///
/// The folder goes away with the value. One that a killed import left goes away at the next import.
package final class UnpackedArchive {
  /// The unpacked files, in a folder that is named after the archive.
  package let folder: URL
  private let place: URL

  /// Unpacks an archive; nil for a source that is no zip archive.
  ///
  /// - Parameters:
  ///   - source: the source of an import.
  ///   - data: the data folder, which the caller has locked.
  ///   - progress: receives the number of unpacked files, and of all.
  /// - Throws: `FileError` that names the archive and the file in it.
  package init?(_ source: URL, in data: URL, progress: (Int, Int) -> Void = { _, _ in }) throws {
    place = data.appendingPathComponent(".unpacked")
    folder = place.appendingPathComponent(source.deletingPathExtension().lastPathComponent)
    guard ZipArchive.isZip(source) else { return nil }
    let archive = try ZipArchive(source)
    remove()
    try FileManager.default.createFolder(folder)
    try archive.extract(to: folder) { progress($0, archive.entries.count) }
  }

  deinit { remove() }

  /// Removes the unpacked files.
  package func remove() { try? FileManager.default.removeItem(at: place) }
}
