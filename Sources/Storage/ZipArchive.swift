import CZlib
import Foundation

/// A zip archive that is unpacked with limits: no file outside of the folder, none larger than stated.
///
/// It reads stored and deflated files, also of zip64. Encrypted archives, links, archives of several
/// parts and other methods are refused.
package struct ZipArchive {
  /// The files, in the order of the archive; folders have no entry.
  package let entries: [ZipEntry]
  private let file: OpenFile

  /// The largest file.
  private static let mostBytes = 1 << 30
  /// How much larger than the archive its files may be together, beside some MiB.
  private static let mostGrowth = 100
  private static let chunk = 1 << 18

  /// The version of zlib.
  package static var libraryVersion: String { String(cString: zlibVersion()) }

  /// Returns whether a file begins as a zip archive does.
  package static func isZip(_ url: URL) -> Bool {
    guard FileSystem.kind(of: url) == .file, let file = try? OpenFile(url),
      let first = try? file.bytes(at: 0, count: min(4, file.size))
    else { return false }
    return first == [0x50, 0x4B, 3, 4] || first == [0x50, 0x4B, 5, 6]
  }

  /// Reads the list of files of an archive, and refuses one that would fill the disk.
  ///
  /// - Parameter url: the archive.
  /// - Throws: `FileError` that names the archive and the fault.
  package init(_ url: URL) throws {
    file = try OpenFile(url)
    entries = try ZipDirectory(file).entries
    if let large = entries.first(where: { $0.size > Self.mostBytes }) {
      throw FileError.malformed(
        url, reason: "\(large.path) in it has more than \(Self.mostBytes >> 20) MiB; unpack it yourself")
    }
    // Each is at most a GiB, and there are at most some millions.
    let total = entries.reduce(0) { $0 + $1.size }
    guard total <= Self.mostGrowth * file.size + (64 << 20) else {
      throw FileError.malformed(
        url,
        reason: "its files would take \(total >> 20) MiB, over \(Self.mostGrowth) times the archive; "
          + "unpack it yourself if you trust it")
    }
  }

  /// Unpacks all files.
  ///
  /// - Parameters:
  ///   - folder: the folder, which must be empty.
  ///   - progress: receives the number of files so far.
  /// - Throws: `FileError` that names the archive and the file in it.
  package func extract(to folder: URL, progress: (Int) -> Void = { _ in }) throws {
    for (index, entry) in entries.enumerated() {
      let target = folder.appendingPathComponent(entry.path)
      try FileManager.default.createFolder(target.deletingLastPathComponent())
      let descriptor = target.withNativePath { path in
        uninterrupted { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
      }
      guard descriptor >= 0 else {
        guard errno == EEXIST else { throw FileError.cannotWrite(target, reason: FileError.systemReason()) }
        throw damaged(entry, "is in it twice")
      }
      defer { close(descriptor) }
      var (size, checksum) = (0, crc32(0, nil, 0))
      try unpack(entry) { part in
        size += part.count
        guard size <= entry.size else { throw damaged(entry, "is larger than the archive states") }
        checksum = crc32(checksum, part.baseAddress, uInt(part.count))
        try Self.write(part, to: descriptor, target)
      }
      guard size == entry.size, UInt32(truncatingIfNeeded: checksum) == entry.checksum else {
        throw damaged(entry, "is damaged")
      }
      progress(index + 1)
    }
  }

  private func damaged(_ entry: ZipEntry, _ fault: String) -> FileError {
    .malformed(file.url, reason: "\(entry.path) \(fault); get the archive again")
  }

  /// Hands out the content of a file in parts.
  private func unpack(_ entry: ZipEntry, _ use: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    let header = try file.bytes(at: entry.offset, count: 30)
    guard header.number(at: 0, 4) == 0x0403_4B50 else {
      throw damaged(entry, "is not where the archive states")
    }
    var place = entry.offset + 30 + header.number(at: 26, 2) + header.number(at: 28, 2)
    let end = place + entry.compressedSize
    func next() throws -> [UInt8] {
      let part = try file.bytes(at: place, count: min(Self.chunk, end - place))
      place += part.count
      return part
    }
    guard entry.isDeflated else {
      while place < end { try next().withUnsafeBufferPointer(use) }
      return
    }
    var stream = z_stream()
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw damaged(entry, "cannot be inflated for lack of memory")
    }
    defer { inflateEnd(&stream) }
    var out = [UInt8](repeating: 0, count: Self.chunk)
    var status = Z_OK
    while status != Z_STREAM_END, place < end {
      var input = try next()
      try input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = uInt(input.count)
        repeat {
          let made = try out.withUnsafeMutableBufferPointer { out in
            stream.next_out = out.baseAddress
            stream.avail_out = uInt(out.count)
            status = inflate(&stream, Z_NO_FLUSH)
            guard [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(status) else {
              throw damaged(entry, "is damaged")
            }
            return out.count - Int(stream.avail_out)
          }
          try out.withUnsafeBufferPointer { try use(UnsafeBufferPointer(rebasing: $0[..<made])) }
        } while status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0)
      }
    }
  }

  private static func write(_ part: UnsafeBufferPointer<UInt8>, to descriptor: Int32, _ url: URL) throws {
    var rest = part[...]
    while !rest.isEmpty {
      let bytes = UnsafeBufferPointer(rebasing: rest)
      let count = Foundation.write(descriptor, bytes.baseAddress, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError.cannotWrite(url, reason: FileError.systemReason()) }
      rest = rest.dropFirst(count)
    }
  }
}

extension OpenFile {
  /// Reads bytes at a place.
  ///
  /// - Throws: `FileError` that names the file, also if it ends before.
  func bytes(at place: Int, count: Int) throws -> [UInt8] {
    guard place >= 0, count >= 0, place <= size, count <= size - place else {
      throw FileError.malformed(url, reason: "the archive is cut short or damaged; get it again")
    }
    var (all, done) = ([UInt8](repeating: 0, count: count), 0)
    while done < count {
      let read = all.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(place + done))
      }
      if read < 0, errno == EINTR { continue }
      guard read > 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
      done += read
    }
    return all
  }
}

extension [UInt8] {
  /// The number of some bytes, least significant first; 0 beyond the end, and the highest Int at most.
  func number(at place: Int, _ count: Int) -> Int {
    guard place >= 0, place + count <= self.count else { return 0 }
    let value = self[place..<place + count].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(clamping: value)
  }
}
