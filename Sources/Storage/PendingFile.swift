import Foundation

/// A file that is written beside its place and takes that place when it is whole.
///
/// The temporary file is in the same folder. It disappears with this object, unless it was
/// committed.
package final class PendingFile {
  /// The place of the finished file.
  package let url: URL
  /// The temporary file, open for writing, at its start.
  package let handle: FileHandle

  private let descriptor: Int32
  private let folder: Int32
  private let temporary: String
  private var isPending = true

  /// Makes the temporary file.
  ///
  /// - Throws: `FileError.cannotWrite` that names the file.
  package init(for url: URL) throws {
    let place = url.deletingLastPathComponent().withNativePath { path in
      uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    }
    guard place >= 0 else { throw FileError.cannotWrite(url, reason: FileError.systemReason()) }
    // The temporary name is short and relative to the folder, so it fits where the name of the file fits.
    let temporary = ".\(ThisHost.tag)-\(String(UInt64.random(in: 0 ... .max), radix: 36)).part"
    let descriptor = uninterrupted {
      openat(place, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    }
    guard descriptor >= 0 else {
      let reason = FileError.systemReason()
      close(place)
      throw FileError.cannotWrite(url, reason: reason)
    }
    // The lock ends with this process, even after a crash. It separates leftovers from files that a
    // process still writes.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    self.url = url
    self.handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.descriptor = descriptor
    self.folder = place
    self.temporary = temporary
  }

  deinit {
    discard()
    close(folder)
  }

  /// Flushes the file to disk and renames it.
  ///
  /// - Throws: `FileError.cannotWrite`, or the error of closing the file. The old file is then
  ///   untouched.
  package func commit() throws {
    guard isPending else { return }
    guard uninterrupted({ fsync(descriptor) }) == 0 else {
      throw FileError.cannotWrite(url, reason: FileError.systemReason())
    }
    try handle.close()
    let name = NativePath.bytes(url.lastPathComponent).map { CChar(bitPattern: $0) } + [0]
    guard uninterrupted({ renameat(folder, temporary, folder, name) }) == 0 else {
      throw FileError.cannotWrite(url, reason: FileError.systemReason())
    }
    isPending = false
    // This makes the rename itself durable. A folder that the system cannot flush is no reason to
    // fail: the file is whole.
    fsync(folder)
  }

  /// Whether a temporary file is of another machine, whose locks a shared folder may not show here.
  static func isOfOtherHost(_ name: String) -> Bool {
    guard let end = name.firstIndex(of: "-") else { return false }
    return name[..<end] != ".\(ThisHost.tag)"
  }

  /// Removes the temporary file.
  package func discard() {
    guard isPending else { return }
    isPending = false
    unlinkat(folder, temporary, 0)
  }
}
