import Foundation

/// Keeps a folder to one process: an exclusive lock on `FOLDER/.lock` for as long as the object lives.
///
/// The lock is the kernel's (`flock`), so it ends with the process however that ends: there is no stale lock to remove.
/// The file stays where it is, for removing it could take another process's lock away; what it holds only serves the
/// message to those who are refused.
package final class FolderLock: Sendable {
  /// Who uses a folder.
  package struct Holder: Codable, Equatable, Sendable {
    /// The number of its process.
    package let process: Int32
    /// The name of its machine.
    package let host: String
    /// What it was called with.
    package let command: String
    /// When it took the lock.
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
  /// Whether other processes are really kept out; false on file systems that have no locks.
  package let isEnforced: Bool
  private let descriptor: Int32

  /// Takes the lock, or refuses at once.
  ///
  /// On a file system without locks (some network mounts) the work goes on unprotected; `warning` then says so.
  ///
  /// - Parameter folder: made if it is not there.
  /// - Throws: `FolderLockError` when another process has it, `FileError` when the lock file cannot be written.
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
    // What is left in the file would name a process that has gone.
    _ = ftruncate(descriptor, 0)
    close(descriptor)
  }

  /// Why the folder is not protected and what to mind; nil when it is.
  package var warning: String? {
    isEnforced
      ? nil
      : "\(folder.path): its file system has no locks, so a second process cannot be kept out; "
        + "use the folder from one process at a time"
  }

  /// Who says it uses a folder; nil when nobody does or the file does not tell.
  package static func holder(of folder: URL) -> Holder? {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let data = try? Data(contentsOf: folder.appendingPathComponent(".lock"))
    return data.flatMap { try? decoder.decode(Holder.self, from: $0) }
  }

  /// Whether an error of `flock` says that the file system cannot lock at all.
  package static func hasNoLocks(_ code: Int32) -> Bool {
    [ENOLCK, ENOTSUP, EOPNOTSUPP, ENOSYS].contains(code)
  }

  /// Says who has the lock; the lock holds without it, so a full disk is no reason to fail.
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
  /// Who uses it, where the lock file tells.
  package let holder: FolderLock.Holder?

  /// Two lines at most: who has it, and what to do.
  package var description: String {
    let advice = "wait for it or choose another folder"
    guard let holder else { return "\(folder.path) is in use by another process; \(advice)" }
    let since = ISO8601DateFormatter().string(from: holder.started)
    return "\(folder.path) is in use by process \(holder.process) on \(holder.host) since \(since) "
      + "(\(holder.command.prefix(200)));\n\(advice)"
  }
}
