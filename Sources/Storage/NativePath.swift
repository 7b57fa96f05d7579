import Foundation

/// Paths whose bytes need not be UTF-8, as text that keeps every byte.
///
/// Linux allows any bytes but zero and `/` in a file name. Foundation drops such names or changes
/// them. Here each byte that is no UTF-8 becomes one private character, U+10FE80 to U+10FEFF, so that
/// a path passes through `String` and `URL` without loss. The functions here give the system the
/// original bytes. Messages show such a byte as `\xE9`.
package enum NativePath {
  /// The character of byte 0 would be this one; only bytes from 0x80 on have one.
  private static let base: UInt32 = 0x10FE00

  /// Returns the text of a path of bytes.
  package static func text(_ bytes: some Collection<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isByte) {
      return text
    }
    var scalars = String.UnicodeScalarView()
    var next = 0
    while next < bytes.count {
      let scalar = (1...4).lazy.filter { next + $0 <= bytes.count }.compactMap { count in
        let text = String(validating: bytes[next..<next + count], as: UTF8.self)
        return text.flatMap { $0.unicodeScalars.first }.map { (scalar: $0, count: count) }
      }.first
      if let scalar, !isByte(scalar.scalar) {
        scalars.append(scalar.scalar)
        next += scalar.count
      } else {
        // A name that holds such a character itself is kept as its bytes.
        if let stand = Unicode.Scalar(base + UInt32(bytes[next])) { scalars.append(stand) }
        next += 1
      }
    }
    return String(scalars)
  }

  /// Returns the bytes of a path.
  package static func bytes(_ text: String) -> [UInt8] {
    guard text.unicodeScalars.contains(where: isByte) else { return Array(text.utf8) }
    return text.unicodeScalars.flatMap { scalar in
      isByte(scalar) ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(String(scalar).utf8)
    }
  }

  /// Returns a text for a message: bytes that are no UTF-8 and control characters are escaped.
  ///
  /// - Parameters:
  ///   - text: a path, or a message that holds paths.
  ///   - allowed: control characters that stay.
  ///   - backslash: the begin of an escape; two backslashes inside JSON.
  /// - Returns: the text.
  package static func shown(
    _ text: String, keeping allowed: Set<Unicode.Scalar> = [], backslash: String = "\\"
  ) -> String {
    func isPlain(_ scalar: Unicode.Scalar) -> Bool {
      !isByte(scalar) && (scalar.properties.generalCategory != .control || allowed.contains(scalar))
    }
    guard !text.unicodeScalars.allSatisfy(isPlain) else { return text }
    return text.unicodeScalars.map { scalar in
      switch scalar {
      case _ where isPlain(scalar): String(scalar)
      case "\n": backslash + "n"
      case "\r": backslash + "r"
      case "\t": backslash + "t"
      default:
        backslash + "x" + String(scalar.value & 0xFF | 0x100, radix: 16, uppercase: true).dropFirst()
      }
    }.joined()
  }

  private static func isByte(_ scalar: Unicode.Scalar) -> Bool {
    (base + 0x80...base + 0xFF).contains(scalar.value)
  }

  /// The words of this process's command line, after the name of the program.
  package static var arguments: [String] {
    (0..<Int(CommandLine.argc)).dropFirst().compactMap { index in
      CommandLine.unsafeArgv[index].map { text(bytes(of: $0)) }
    }
  }

  /// Returns the URL of a path, which may be relative to the working folder.
  package static func url(_ path: String) -> URL {
    // Foundation takes the working folder as UTF-8.
    guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return URL(fileURLWithPath: path) }
    defer { free(folder) }
    let bytes = bytes(of: folder)
    guard String(validating: bytes, as: UTF8.self) == nil else { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: text(bytes) + "/" + path)
  }

  static func bytes(of name: UnsafePointer<CChar>) -> [UInt8] {
    Array(UnsafeBufferPointer(start: name, count: strlen(name))).map { UInt8(bitPattern: $0) }
  }
}

extension URL {
  /// Calls a function of the system with the bytes of this path.
  package func withNativePath<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
    try (NativePath.bytes(path).map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
      // The buffer holds at least its end.
      guard let start = buffer.baseAddress else { return try body("") }
      return try body(start)
    }
  }

  /// The path for a message, in which control characters and bytes that are no UTF-8 are escaped.
  package var shownPath: String { NativePath.shown(path) }
}

/// Folders and files by name, whatever the bytes of the name.
package enum FileSystem {
  /// The kind of a thing with a path; links are followed.
  package enum Kind: Sendable {
    case file, folder, other
  }

  /// Returns the kind of the thing at a path; nil if there is none.
  package static func kind(of url: URL) -> Kind? {
    var status = stat()
    guard url.withNativePath({ stat($0, &status) }) == 0 else { return nil }
    return switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  /// Returns whether two paths lead to one file, or to files of the same bytes.
  ///
  /// It is false for files that cannot be read and for those of more than 1 GiB.
  package static func isSameContent(_ first: URL, _ second: URL) -> Bool {
    var (one, other) = (stat(), stat())
    guard first.withNativePath({ stat($0, &one) }) == 0, second.withNativePath({ stat($0, &other) }) == 0,
      one.st_mode & S_IFMT == S_IFREG, other.st_mode & S_IFMT == S_IFREG
    else { return false }
    if one.st_dev == other.st_dev, one.st_ino == other.st_ino { return true }
    guard one.st_size == other.st_size, let data = try? Data(file: first),
      let others = try? Data(file: second)
    else { return false }
    return data == others
  }

  /// Lists a folder, in the order of the names' bytes.
  ///
  /// - Throws: `FileError.cannotRead` that names the folder.
  package static func contents(of folder: URL) throws -> [URL] {
    try entries(of: folder).map { folder.appendingPathComponent($0.name, isDirectory: false) }
  }

  /// A name in a folder.
  package struct Entry: Sendable {
    /// The name.
    package let name: String
    /// Whether it is a folder, or a link to one.
    package let isFolder: Bool
  }

  /// Lists the names in a folder, in the order of their bytes.
  ///
  /// It asks the system about single files only where the folder does not state their kind.
  ///
  /// - Throws: `FileError.cannotRead` that names the folder.
  package static func entries(of folder: URL) throws -> [Entry] {
    guard let stream = folder.withNativePath({ opendir($0) }) else {
      throw FileError.cannotRead(folder, reason: FileError.systemReason())
    }
    defer { closedir(stream) }
    var found: [(name: [UInt8], isFolder: Bool?)] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
          NativePath.bytes(of: $0)
        }
      }
      let kind = Int(entry.pointee.d_type)
      let isFolder: Bool? = kind == Int(DT_DIR) ? true : kind == Int(DT_REG) ? false : nil
      if name != Array(".".utf8), name != Array("..".utf8) { found.append((name, isFolder)) }
      errno = 0
    }
    guard errno == 0 else { throw FileError.cannotRead(folder, reason: FileError.systemReason()) }
    return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }.map { entry in
      let name = NativePath.text(entry.name)
      return Entry(
        name: name,
        isFolder: entry.isFolder
          ?? (kind(of: folder.appendingPathComponent(name, isDirectory: false)) == .folder))
    }
  }

  /// Returns a path without links and `..`; the path itself if nothing is there.
  package static func resolved(_ url: URL) -> String {
    guard let found = url.withNativePath({ realpath($0, nil) }) else {
      let folder = url.deletingLastPathComponent()
      guard folder.path != url.path else { return url.path }
      let parent = resolved(folder)
      return (parent == "/" ? "" : parent) + "/" + url.lastPathComponent
    }
    defer { free(found) }
    return NativePath.text(NativePath.bytes(of: found))
  }
}
