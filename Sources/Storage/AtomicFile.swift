import Foundation

/// Writes files so that a reader sees the old content or the whole new content, never a part.
package enum AtomicFile {
  /// Replaces the content of a file.
  ///
  /// The function writes a temporary file in the same folder, flushes it to disk and renames it.
  ///
  /// - Throws: `FileError` that names the file and the system's reason, such as a full disk.
  package static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { try $0.write(contentsOf: data) }
  }

  /// Replaces the content of a file by a value as readable JSON.
  ///
  /// The same value always gives the same bytes.
  ///
  /// - Throws: `FileError` that names the file, or the error of the encoder.
  package static func write(json value: some Encodable, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try write(try encoder.encode(value) + Data("\n".utf8), to: url)
  }

  /// Replaces the content of a file by the bytes that a closure writes.
  ///
  /// - Throws: `FileError`, or the error of the closure. The old file is then untouched.
  package static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
    let file = try PendingFile(for: url)
    do {
      try body(file.handle)
      try file.commit()
    } catch {
      file.discard()
      throw error is CocoaError ? FileError.cannotWrite(url, reason: FileError.reason(of: error)) : error
    }
  }

  /// Removes the temporary files of killed writers from a folder; files in progress stay.
  ///
  /// The lock of a file in progress tells them apart. A shared folder may not show the locks of other
  /// machines, so their files stay for a day.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - seconds: how long a file has not changed. A new file may not have its lock yet; 0 if
  ///     nothing else writes to the folder.
  package static func removeLeftovers(in folder: URL, unchangedFor seconds: Int = 60) {
    for file in (try? FileSystem.contents(of: folder)) ?? [] {
      let name = file.lastPathComponent
      guard name.hasPrefix("."), name.hasSuffix(".part") else { continue }
      let descriptor = file.withNativePath { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      let least = PendingFile.isOfOtherHost(name) ? max(seconds, 86_400) : seconds
      guard fstat(descriptor, &status) == 0, time(nil) - status.modified >= least else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { _ = file.withNativePath { unlink($0) } }
    }
  }
}

/// Calls a function of the system again as long as a signal interrupts it.
package func uninterrupted(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    guard result < 0, errno == EINTR else { return result }
  }
}

extension stat {
  /// The time of the last change of the file's content, in seconds since 1970.
  fileprivate var modified: Int {
    #if canImport(Darwin)
      st_mtimespec.tv_sec
    #else
      st_mtim.tv_sec
    #endif
  }
}

/// A file or folder that could not be read or written.
public enum FileError: Error, Equatable, CustomStringConvertible {
  /// The file could not be read; the reason is the system's.
  case cannotRead(URL, reason: String)
  /// The file could not be written; the reason is the system's.
  case cannotWrite(URL, reason: String)
  /// The file was read, but its content is not valid.
  case malformed(URL, reason: String)
  /// A folder stands in the place of a file.
  case isFolder(URL)
  /// A pipe or a device stands in the place of a file.
  case notRegular(URL)
  /// The file has more bytes than a file of its kind may have.
  case tooLarge(URL, limit: Int)

  /// One line that names the file, the reason and, if known, the fix.
  public var description: String {
    switch self {
    case .cannotRead(let url, let reason): "\(url.shownPath): cannot be read: \(reason)"
    case .malformed(let url, let reason): "\(url.shownPath): \(reason)"
    case .isFolder(let url): "\(url.shownPath): is a folder; give a file"
    case .notRegular(let url): "\(url.shownPath): is not a regular file; give a file"
    case .tooLarge(let url, let limit):
      "\(url.shownPath): has more than \(limit >> 20) MiB, the limit of such a file; give another one"
    case .cannotWrite(let url, let reason):
      "\(url.shownPath): cannot be written: \(reason); "
        + (reason == String(cString: strerror(ENAMETOOLONG))
          ? "shorten the name" : "check the folder's permissions and free space")
    }
  }

  /// The system's text for the last failed call.
  package static func systemReason() -> String { String(cString: strerror(errno)) }

  /// The system's text inside a Foundation error.
  package static func reason(of error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let underlying, underlying.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(underlying.code)))
    }
    let text = (error as NSError).localizedDescription
    let filler = "The operation could not be completed. "
    return text.hasPrefix(filler) ? String(text.dropFirst(filler.count)) : text
  }
}

extension FileManager {
  /// Makes a folder, with its missing parents, if it does not exist.
  ///
  /// - Throws: `FileError.cannotWrite` that names the folder and the obstacle.
  package func createFolder(_ url: URL) throws {
    if FileSystem.kind(of: url) == .folder { return }
    let parent = url.deletingLastPathComponent()
    if FileSystem.kind(of: parent) == nil, parent.path != url.path, parent.path != "/" {
      try createFolder(parent)
    }
    let code = url.withNativePath { mkdir($0, 0o777) } == 0 ? 0 : errno
    // Another process may have made it meanwhile.
    guard code != 0, FileSystem.kind(of: url) != .folder else { return }
    // The system does not say which part of the path is a file.
    var part = url.standardizedFileURL
    while part.path != "/", FileSystem.kind(of: part) == nil { part.deleteLastPathComponent() }
    let isFile = FileSystem.kind(of: part) != .folder
    throw FileError.cannotWrite(
      url, reason: isFile ? "\(part.shownPath) is a file" : String(cString: strerror(code)))
  }
}

extension Data {
  /// The maximum size of a document: settings, prompts, sites, vocabularies; in bytes.
  package static let documentLimit = 64 << 20

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - limit: the maximum size in bytes.
  /// - Throws: `FileError` that names it and says what stands there, or the system's reason.
  package init(file url: URL, limit: Int = 1 << 30) throws {
    switch FileSystem.kind(of: url) {
    case .folder: throw FileError.isFolder(url)
    case .other: throw FileError.notRegular(url)
    case .file, nil: break
    }
    let descriptor = url.withNativePath { path in uninterrupted { open(path, O_RDONLY | O_CLOEXEC) } }
    guard descriptor >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
    defer { close(descriptor) }
    self.init()
    // A small file takes a small buffer: to clear a large one takes longer than to read the file.
    var status = stat()
    let size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    var chunk = [UInt8](repeating: 0, count: Swift.min(Swift.max(size + 1, 1 << 12), 1 << 20))
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
      guard count > 0 else { return }
      guard self.count + count <= limit else { throw FileError.tooLarge(url, limit: limit) }
      append(contentsOf: chunk[..<count])
    }
  }
}
