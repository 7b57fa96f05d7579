import Foundation

/// Reserves a folder for one process as long as the object lives.
///
/// It is an exclusive lock on `FOLDER/.lock`. The lock belongs to the kernel (`flock`), so it ends
/// with the process, even after a crash. There is no stale lock to remove. The lock file stays,
/// because its removal could destroy the lock of another process. Its content only serves the error
/// message of other processes.
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

  /// The folder.
  package let folder: URL
  /// Whether the lock excludes other processes; false on file systems without locks.
  package let isEnforced: Bool
  private let descriptor: Int32

  /// Takes the lock, or throws at once.
  ///
  /// On a file system without locks (some network mounts) the work continues without protection;
  /// `warning` then says so.
  ///
  /// - Parameter folder: made if it does not exist.
  /// - Throws: `FolderLockError` if another process has the lock, `FileError` if the lock file
  ///   cannot be written.
  package init(_ folder: URL) throws {
    try FileManager.default.createFolder(folder)
    let file = folder.appendingPathComponent(".lock")
    let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.cannotWrite(file, reason: FileError.systemReason()) }
    var result = flock(descriptor, LOCK_EX | LOCK_NB)
    while result != 0, errno == EINTR { result = flock(descriptor, LOCK_EX | LOCK_NB) }
    if result != 0 {
      let code = errno
      guard Self.hasNoLocks(code) else {
        close(descriptor)
        guard code == EWOULDBLOCK else {
          throw FileError.cannotWrite(file, reason: String(cString: strerror(code)))
        }
        throw FolderLockError(folder: folder, holder: Self.holder(of: folder))
      }
    }
    self.folder = folder
    isEnforced = result == 0
    self.descriptor = descriptor
    write(.current)
  }

  deinit {
    // The old content of the file would name a process that has ended.
    _ = ftruncate(descriptor, 0)
    close(descriptor)
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
    let data = try? Data(contentsOf: folder.appendingPathComponent(".lock"))
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
