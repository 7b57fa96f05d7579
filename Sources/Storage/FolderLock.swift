import Foundation

/// Reserves a folder for one process as long as the object lives.
///
/// It is an exclusive lock on `FOLDER/.lock`. The lock belongs to the kernel (`flock`), so it ends
/// with the process, even after a crash. There is no stale lock to remove. The holder removes the
/// file when it ends. A killed process leaves the file, and the next holder takes it over. The
/// content of the file only serves the error message of other processes.
package final class FolderLock: Sendable {
  /// The process that uses a folder.
  package struct Holder: Codable, Equatable, Sendable {
    /// The number of the process.
    package let process: Int32
    /// The name of the machine.
    package let host: String
    /// The command line of the process.
    package let command: String
    /// The time when the process took the lock.
    package let started: Date

    /// This process, now.
    static var current: Holder {
      let system = ProcessInfo.processInfo
      return Holder(
        process: system.processIdentifier, host: system.hostName,
        command: CommandLine.arguments.joined(separator: " "), started: Date())
    }
  }

  /// The name of the lock file in a folder.
  package static let fileName = ".lock"

  /// The folder.
  package let folder: URL
  /// Whether the lock excludes other processes; false on file systems without locks.
  package let isEnforced: Bool
  private let descriptor: Int32
  /// The folders that the lock made, the innermost first.
  private let made: [URL]

  /// Takes the lock, or throws at once.
  ///
  /// On a file system without locks (some network mounts) the work continues without protection;
  /// `warning` then says so. The temporary files of killed writers are removed from the folder. A
  /// folder that the lock made and that is empty at its end is removed.
  ///
  /// - Parameter folder: made if it does not exist.
  /// - Throws: `FolderLockError` if another process has the lock, `FileError` if the lock file
  ///   cannot be written.
  package init(_ folder: URL) throws {
    made = Self.missing(folder)
    var held = try Self.lockedFile(in: folder)
    // The holder before may have removed its file between the two calls that open and lock it.
    while !held.isCurrent {
      close(held.descriptor)
      held = try Self.lockedFile(in: folder)
    }
    self.folder = folder
    (isEnforced, descriptor) = (held.isEnforced, held.descriptor)
    write(.current)
    if isEnforced { AtomicFile.removeLeftovers(in: folder, unchangedFor: 0) }
  }

  deinit {
    // It is removed before the lock ends, so that it cannot be that of the next holder.
    if isEnforced { unlink(Self.file(folder).path) } else { _ = ftruncate(descriptor, 0) }
    // `rmdir` fails for a folder that holds anything.
    _ = made.allSatisfy { rmdir($0.path) == 0 }
    close(descriptor)
  }

  private static func file(_ folder: URL) -> URL { folder.appendingPathComponent(fileName) }

  /// Returns the folder and its parents, as far as they do not exist.
  private static func missing(_ folder: URL) -> [URL] {
    Array(
      sequence(first: folder.standardizedFileURL) { $0.path == "/" ? nil : $0.deletingLastPathComponent() }
        .prefix { !FileManager.default.fileExists(atPath: $0.path) })
  }

  /// Opens and locks the lock file.
  private static func lockedFile(
    in folder: URL
  ) throws -> (descriptor: Int32, isEnforced: Bool, isCurrent: Bool) {
    let file = file(folder)
    var descriptor: Int32 = -1
    // The holder before may remove the folder that it made, too.
    for _ in 0..<100 {
      try FileManager.default.createFolder(folder)
      descriptor = uninterrupted { open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
      guard descriptor < 0, errno == ENOENT else { break }
    }
    guard descriptor >= 0 else { throw FileError.cannotWrite(file, reason: FileError.systemReason()) }
    guard uninterrupted({ flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 else {
      var (own, named) = (stat(), stat())
      let isCurrent =
        fstat(descriptor, &own) == 0 && stat(file.path, &named) == 0 && own.st_ino == named.st_ino
      return (descriptor, true, isCurrent)
    }
    let code = errno
    guard !hasNoLocks(code) else { return (descriptor, false, true) }
    close(descriptor)
    guard code == EWOULDBLOCK else {
      throw FileError.cannotWrite(file, reason: String(cString: strerror(code)))
    }
    throw FolderLockError(folder: folder, holder: holder(of: folder))
  }

  /// Why the folder is not protected, and the risk; nil if it is protected.
  package var warning: String? {
    isEnforced
      ? nil
      : "\(folder.path): its file system has no locks, so a second process cannot be kept out; "
        + "use the folder from one process at a time"
  }

  /// The process that uses a folder; nil if there is none or the lock file does not name it.
  package static func holder(of folder: URL) -> Holder? {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let data = try? Data(file: file(folder))
    return data.flatMap { try? decoder.decode(Holder.self, from: $0) }
  }

  /// Whether an error of `flock` says that the file system has no locks.
  package static func hasNoLocks(_ code: Int32) -> Bool {
    [ENOLCK, ENOTSUP, EOPNOTSUPP, ENOSYS].contains(code)
  }

  /// Writes the holder to the lock file.
  ///
  /// The lock works without this text, so a full disk is no reason to fail.
  private func write(_ holder: Holder) {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(holder), ftruncate(descriptor, 0) == 0 else { return }
    _ = (data + Data("\n".utf8)).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }
}

/// A folder that another process uses.
package struct FolderLockError: Error, Equatable, CustomStringConvertible {
  /// The folder.
  package let folder: URL
  /// The process that uses it, if the lock file names it.
  package let holder: FolderLock.Holder?

  /// Two lines at most: the holder, and advice.
  package var description: String {
    let advice = "wait for it or choose another folder"
    guard let holder else { return "\(folder.path) is in use by another process; \(advice)" }
    let since = ISO8601DateFormatter().string(from: holder.started)
    return "\(folder.path) is in use by process \(holder.process) on \(holder.host) since \(since) "
      + "(\(holder.command.prefix(200)));\n\(advice)"
  }
}
