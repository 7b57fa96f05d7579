import Foundation
import Storage

/// The folder that a command writes.
enum OutputFolder {
  /// Keeps other processes out of a folder as long as the value lives.
  ///
  /// A folder that the command made is removed again if the command leaves it empty.
  ///
  /// - Parameters:
  ///   - folder: the folder, which need not exist.
  ///   - console: receives a note if the file system has no locks.
  /// - Returns: the lock.
  /// - Throws: an error that names the folder, and the process that uses it.
  static func lock(_ folder: URL, _ console: Console) throws -> FolderLock {
    let lock = try FolderLock(folder)
    if let warning = lock.warning { console.note(warning) }
    return lock
  }

  /// Keeps other processes out of several folders, which may be equal.
  static func lock(_ folders: [URL], _ console: Console) throws -> [FolderLock] {
    let different = Dictionary(folders.map { ($0.resolvingSymlinksInPath().path, $0) }) { first, _ in first }
    return try different.values.map { try lock($0, console) }
  }

  /// Refuses the run folder itself as the folder of results, which would mix with the files of the run.
  ///
  /// - Throws: `UsageError.folderInUse` that names the folder.
  static func requireApart(_ out: URL, fromRun run: String) throws {
    guard FileSystem.resolved(out) == FileSystem.resolved(NativePath.url(run)) else { return }
    throw UsageError.folderInUse(
      out, holds: "the run itself", fix: "give another folder for the results, such as predictions")
  }

  /// Lists the files in a folder, without the lock; empty if it does not exist.
  static func contents(_ folder: URL) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0 != FolderLock.fileName }
  }
}
