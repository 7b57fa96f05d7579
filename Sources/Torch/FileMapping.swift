import Foundation

/// A file in memory, or a part of it, read by the system when it is touched.
final class FileMapping: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let file: Descriptor
  /// What is mapped: whole pages, of which `bytes` may be a part.
  private let pages: UnsafeMutableRawBufferPointer?

  /// Maps a whole file.
  ///
  /// - Throws: `FileError` that names it.
  convenience init(_ url: URL) throws {
    let file = try Descriptor(url)
    // Nothing can be mapped of an empty file.
    let pages = file.size > 0 ? Self.pages(of: file, from: 0, count: file.size) : nil
    guard pages != nil || file.size == 0 else {
      throw FileError.cannotRead(url, reason: FileError.systemReason())
    }
    self.init(
      file, pages: pages,
      bytes: pages.map { UnsafeRawBufferPointer($0) } ?? UnsafeRawBufferPointer(start: nil, count: 0))
  }

  private init(_ file: Descriptor, pages: UnsafeMutableRawBufferPointer?, bytes: UnsafeRawBufferPointer) {
    (self.file, self.pages, self.bytes) = (file, pages, bytes)
  }

  deinit {
    if let pages { munmap(pages.baseAddress, pages.count) }
  }

  /// Some bytes as a mapping of their own, whose pages go with it; nil when the system has no more mappings to give.
  func part(_ range: Range<Int>) -> FileMapping? {
    let start = range.lowerBound / Self.pageSize * Self.pageSize
    guard let pages = Self.pages(of: file, from: start, count: range.upperBound - start) else { return nil }
    return FileMapping(
      file, pages: pages,
      bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(pages)[(range.lowerBound - start)...]))
  }

  private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  // Private and writable: an in-place operator on a view changes the view, never the file.
  private static func pages(
    of file: Descriptor, from start: Int, count: Int
  ) -> UnsafeMutableRawBufferPointer? {
    let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number, off_t(start))
    guard let address, address != MAP_FAILED else { return nil }
    return UnsafeMutableRawBufferPointer(start: address, count: count)
  }

  /// An open file, closed when the last mapping of it goes.
  private final class Descriptor: Sendable {
    let number: Int32
    let size: Int

    init(_ url: URL) throws {
      let number = open(url.path, O_RDONLY | O_CLOEXEC)
      guard number >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
      var status = stat()
      let fault: String? =
        if fstat(number, &status) != 0 { FileError.systemReason() } else if status.st_mode & S_IFMT != S_IFREG
        {
          "it is not a file"
        } else { nil }
      if let fault {
        close(number)
        throw FileError.cannotRead(url, reason: fault)
      }
      (self.number, size) = (number, Int(status.st_size))
    }

    deinit { close(number) }
  }
}
