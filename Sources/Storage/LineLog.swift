import Foundation

/// Writes a file line by line, such as the results of a long computation.
///
/// Lines go to `NAME.part` at once, so a killed process loses none that was added. `finish` gives the
/// file its name.
package final class LineLog: @unchecked Sendable {
  /// The file under its own name.
  package let file: URL
  /// The file while it grows.
  package let part: URL
  private let handle: FileHandle
  private var isOpen = true
  private let encoder: JSONEncoder

  /// Starts the file; an earlier `NAME.part` is replaced.
  ///
  /// - Parameter file: the file.
  /// - Throws: `FileError` that names the file.
  package init(_ file: URL) throws {
    self.file = file
    part = file.deletingLastPathComponent().appendingPathComponent(file.lastPathComponent + ".part")
    let descriptor = part.withNativePath { path in
      uninterrupted { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
    }
    guard descriptor >= 0 else { throw FileError.cannotWrite(part, reason: FileError.systemReason()) }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  }

  /// Adds a value as a line of JSON.
  ///
  /// - Throws: `FileError` that names the file, such as for a full disk.
  package func add(_ value: some Encodable) throws {
    let line = try encoder.encode(value) + Data("\n".utf8)
    do { try handle.write(contentsOf: line) } catch {
      throw FileError.cannotWrite(part, reason: FileError.reason(of: error))
    }
  }

  /// Flushes the file to disk and gives it its name; later calls do nothing.
  ///
  /// - Throws: `FileError` that names the file.
  package func finish() throws {
    guard isOpen else { return }
    isOpen = false
    guard uninterrupted({ fsync(handle.fileDescriptor) }) == 0 else {
      throw FileError.cannotWrite(part, reason: FileError.systemReason())
    }
    let code = part.withNativePath { old in file.withNativePath { new in rename(old, new) } }
    guard code == 0 else { throw FileError.cannotWrite(file, reason: FileError.systemReason()) }
  }
}
