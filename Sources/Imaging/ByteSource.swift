import Foundation
import Storage

/// Bytes with random access: in memory, or in a file without loading it.
///
/// Every read is checked. So a parser of untrusted headers returns nil instead of a trap.
protocol ByteSource {
  /// The number of bytes.
  var count: Int { get }

  /// Reads bytes; nil if some of them are missing.
  func bytes(at offset: Int, count: Int) -> [UInt8]?
}

/// The order of the bytes of a number.
enum ByteOrder {
  case little, big
}

extension ByteSource {
  /// Reads an unsigned number of 1 to 7 bytes; nil if it lies outside the content.
  func integer(at offset: Int, bytes size: Int, _ order: ByteOrder) -> Int? {
    guard let found = bytes(at: offset, count: size) else { return nil }
    let bytes = order == .big ? found : found.reversed()
    return bytes.reduce(0) { $0 << 8 | Int($1) }
  }
}

/// Bytes in memory.
struct MemoryBytes: ByteSource {
  let content: [UInt8]

  var count: Int { content.count }

  func bytes(at offset: Int, count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0, offset <= content.count, count <= content.count - offset else {
      return nil
    }
    return Array(content[offset..<offset + count])
  }
}

/// An open file; it closes when this object is freed.
final class FileBytes: ByteSource {
  let path: String
  let count: Int
  /// The open file, for libraries that read by themselves.
  let descriptor: Int32

  /// Opens a file and checks that it is a regular file, has content and is within the limit.
  init(_ url: URL, limits: ImageLimits) throws {
    let path = url.path
    // Opens without blocking, because a pipe would wait for a writer.
    let descriptor = url.withNativePath { path in
      uninterrupted { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    }
    guard descriptor >= 0 else {
      let code = errno
      throw code == ENOENT || code == ENOTDIR
        ? ImagingError.missing(file: path)
        : ImagingError.unreadable(file: path, reason: String(cString: strerror(code)))
    }
    do {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else {
        throw ImagingError.unreadable(file: path, reason: String(cString: strerror(errno)))
      }
      let count = Int(status.st_size)
      guard status.st_mode & S_IFMT == S_IFREG else { throw ImagingError.notAFile(file: path) }
      guard count > 0 else { throw ImagingError.empty(file: path) }
      guard count <= limits.maximumFileBytes else {
        throw ImagingError.fileTooLarge(file: path, bytes: count, limit: limits.maximumFileBytes)
      }
      self.count = count
    } catch {
      close(descriptor)
      throw error
    }
    // This assignment comes last. After it, an error would run `deinit`, which closes the
    // descriptor a second time; by then it may belong to a file of another thread.
    (self.path, self.descriptor) = (path, descriptor)
  }

  deinit { close(descriptor) }

  func bytes(at offset: Int, count wanted: Int) -> [UInt8]? {
    guard offset >= 0, wanted >= 0, offset <= count, wanted <= count - offset else { return nil }
    return try? read(at: offset, count: wanted)
  }

  /// Reads the whole file.
  func all() throws -> [UInt8] { try read(at: 0, count: count) }

  private func read(at offset: Int, count wanted: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, used in
      while used < wanted, let base = buffer.baseAddress {
        let got = pread(descriptor, base + used, wanted - used, off_t(offset + used))
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else {
          let reason = got < 0 ? String(cString: strerror(errno)) : "it grew shorter while it was read"
          throw ImagingError.unreadable(file: path, reason: reason)
        }
        used += got
      }
    }
  }
}
