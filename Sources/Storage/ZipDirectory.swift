import Foundation

/// A file of a zip archive.
package struct ZipEntry: Sendable, Equatable {
  /// The path, checked: relative, without `..`.
  package let path: String
  /// The size of the content in bytes.
  package let size: Int
  let compressedSize: Int
  /// The place of the file's own header.
  let offset: Int
  let isDeflated: Bool
  let checksum: UInt32
}

/// The list of files at the end of a zip archive.
struct ZipDirectory {
  private(set) var entries: [ZipEntry] = []
  private let url: URL
  /// The size of the archive.
  private let size: Int

  private static let mostEntries = 2_000_000
  private static let mostBytes = 512 << 20

  /// Reads the list.
  ///
  /// - Throws: `FileError` that names the archive and the fault.
  init(_ file: OpenFile) throws {
    (url, size) = (file.url, file.size)
    let (count, length, offset) = try Self.place(in: file)
    guard count <= Self.mostEntries, length <= Self.mostBytes else {
      throw FileError.malformed(url, reason: "holds more than \(Self.mostEntries) files; unpack it yourself")
    }
    let list = try file.bytes(at: offset, count: length)
    var at = 0
    for _ in 0..<count {
      guard at + 46 <= list.count, list.number(at: at, 4) == 0x0201_4B50 else {
        throw FileError.malformed(url, reason: "its list of files is damaged; get the archive again")
      }
      let lengths = [28, 30, 32].map { list.number(at: at + $0, 2) }
      let end = at + 46 + lengths.reduce(0, +)
      guard end <= list.count else {
        throw FileError.malformed(url, reason: "its list of files is cut short; get the archive again")
      }
      if let entry = try entry(list, at, lengths) { entries.append(entry) }
      at = end
    }
  }

  /// Finds the list: its number of files, its size and its place.
  private static func place(in file: OpenFile) throws -> (count: Int, size: Int, offset: Int) {
    let start = max(0, file.size - 65_557)
    let tail = try file.bytes(at: start, count: file.size - start)
    let end = stride(from: tail.count - 22, through: 0, by: -1).first { at in
      tail[at] == 0x50 && tail.number(at: at, 4) == 0x0605_4B50
        && at + 22 + tail.number(at: at + 20, 2) <= tail.count
    }
    guard let end else {
      throw FileError.malformed(file.url, reason: "is no zip archive, or one that is cut short; get it again")
    }
    let found = (tail.number(at: end + 10, 2), tail.number(at: end + 12, 4), tail.number(at: end + 16, 4))
    guard tail.number(at: end + 4, 2) == 0 || tail.number(at: end + 4, 2) == 0xFFFF else {
      throw FileError.malformed(file.url, reason: "is a part of several; join them and unpack them yourself")
    }
    guard found.0 == 0xFFFF || found.1 == 0xFFFF_FFFF || found.2 == 0xFFFF_FFFF, end >= 20,
      tail.number(at: end - 20, 4) == 0x0706_4B50
    else { return found }
    let large = try file.bytes(at: tail.number(at: end - 12, 8), count: 56)
    guard large.number(at: 0, 4) == 0x0606_4B50 else {
      throw FileError.malformed(file.url, reason: "its list of files is damaged; get the archive again")
    }
    return (large.number(at: 32, 8), large.number(at: 40, 8), large.number(at: 48, 8))
  }

  /// Reads an entry; nil for a folder.
  private func entry(_ list: [UInt8], _ at: Int, _ lengths: [Int]) throws -> ZipEntry? {
    let stored = Array(list[at + 46..<at + 46 + lengths[0]])
    // The upper byte of the version is the system: 3 is Unix, 19 is macOS.
    let system = list.number(at: at + 5, 1)
    let name = [3, 19].contains(system) ? stored : Self.withSlashes(stored)
    let path = NativePath.text(name)
    func fault(_ text: String) -> FileError { .malformed(url, reason: "\(path) in it \(text)") }
    guard name.last != UInt8(ascii: "/") else { return nil }
    let names = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard !name.contains(0), names.allSatisfy({ !$0.isEmpty && $0 != [0x2E] && $0 != [0x2E, 0x2E] }) else {
      throw fault("leads out of the folder; the archive is refused")
    }
    let flags = list.number(at: at + 8, 2)
    guard flags & 1 == 0 else {
      throw fault("is encrypted; unpack it with its password, and give the folder")
    }
    let method = list.number(at: at + 10, 2)
    guard method == 0 || method == 8 else {
      throw fault(
        "is packed by a method that is not read (\(method)); unpack it yourself, and give the folder")
    }
    // The upper bytes are the file's mode where the archive is of a Unix.
    guard system != 3 || (list.number(at: at + 38, 4) >> 16) & 0xF000 != 0xA000 else {
      throw fault("is a link; unpack it yourself, and give the folder")
    }
    var values = [list.number(at: at + 24, 4), list.number(at: at + 20, 4), list.number(at: at + 42, 4)]
    widen(&values, list[at + 46 + lengths[0]..<at + 46 + lengths[0] + lengths[1]])
    // The numbers of zip64 may be beyond all files.
    guard values[1] <= size, values[2] <= size else { throw fault("is cut short; get the archive again") }
    return ZipEntry(
      path: path, size: values[0], compressedSize: values[1], offset: values[2], isDeflated: method == 8,
      checksum: UInt32(truncatingIfNeeded: list.number(at: at + 16, 4)))
  }

  /// Reads `\` as `/`, as some programs of Windows separate folders.
  ///
  /// In a name that is no UTF-8 the byte of `\` can be a half of a letter, as in Shift JIS. There it
  /// counts only if nothing else separates folders.
  private static func withSlashes(_ name: [UInt8]) -> [UInt8] {
    let (slash, backslash) = (UInt8(ascii: "/"), UInt8(ascii: "\\"))
    guard name.contains(backslash),
      !name.contains(slash) || String(bytes: name, encoding: .utf8) != nil
    else { return name }
    return name.map { $0 == backslash ? slash : $0 }
  }

  /// Replaces sizes and the place by those of zip64, which stand in the extra fields.
  private func widen(_ values: inout [Int], _ extra: ArraySlice<UInt8>) {
    let fields = Array(extra)
    var at = 0
    while at + 4 <= fields.count {
      let (kind, length) = (fields.number(at: at, 2), fields.number(at: at + 2, 2))
      at += 4
      if kind == 1 {
        var place = at
        for index in values.indices
        where values[index] == 0xFFFF_FFFF && place + 8 <= min(at + length, fields.count) {
          values[index] = fields.number(at: place, 8)
          place += 8
        }
        return
      }
      at += length
    }
  }
}
