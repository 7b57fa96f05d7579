import Foundation

/// A part of a file that is mapped into memory.
///
/// The system reads the bytes at their first use. The mapping ends with this object.
package final class FileMapping: @unchecked Sendable {
  package let bytes: UnsafeRawBufferPointer
  /// The mapped memory: whole pages, of which `bytes` may be a part.
  private let pages: UnsafeMutableRawBufferPointer?

  private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  /// Maps bytes of a file.
  ///
  /// The caller may close the file afterwards.
  ///
  /// - Throws: `FileError` that names the file.
  package init(_ file: OpenFile, _ range: Range<Int>) throws {
    guard !range.isEmpty else {
      (bytes, pages) = (UnsafeRawBufferPointer(start: nil, count: 0), nil)
      return
    }
    let start = range.lowerBound / Self.pageSize * Self.pageSize
    let count = range.upperBound - start
    // The mapping is private and writable: an in-place operator on a view changes the view, never
    // the file.
    let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.descriptor, off_t(start))
    guard let address, address != MAP_FAILED else {
      throw FileError.cannotRead(file.url, reason: FileError.systemReason())
    }
    let pages = UnsafeMutableRawBufferPointer(start: address, count: count)
    self.pages = pages
    bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(pages)[(range.lowerBound - start)...])
  }

  /// Releases the pages from the memory of this process.
  ///
  /// The system reads them from the file at their next use. Changes in memory are lost, and the
  /// bytes of the file return.
  package func releasePages() {
    if let pages { _ = madvise(pages.baseAddress, pages.count, MADV_DONTNEED) }
  }

  deinit {
    if let pages { munmap(pages.baseAddress, pages.count) }
  }
}

/// A file that is open for reading; it closes with this object.
package final class OpenFile: Sendable {
  package let url: URL
  package let descriptor: Int32
  /// The size of the file in bytes.
  package let size: Int

  /// Opens a file.
  ///
  /// - Throws: `FileError` that names the file, also if the path is a folder or a device.
  package init(_ url: URL) throws {
    let descriptor = url.withNativePath { path in uninterrupted { open(path, O_RDONLY | O_CLOEXEC) } }
    guard descriptor >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
    var status = stat()
    let isKnown = fstat(descriptor, &status) == 0
    guard isKnown, status.st_mode & S_IFMT == S_IFREG else {
      let reason = isKnown ? "it is not a file" : FileError.systemReason()
      close(descriptor)
      throw FileError.cannotRead(url, reason: reason)
    }
    (self.url, self.descriptor, size) = (url, descriptor, Int(status.st_size))
  }

  deinit { close(descriptor) }
}
