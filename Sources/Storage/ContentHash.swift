import Foundation

/// A hash of 128 bits that distinguishes contents.
///
/// It consists of two chains of folded 64-bit products. It is fast and the same on every machine.
/// It does not protect against forgery.
package struct ContentHash: WordHash, Codable, Hashable, Sendable {
  private var first: UInt64 = 0x243f_6a88_85a3_08d3
  private var second: UInt64 = 0x1319_8a2e_0370_7344

  /// Starts with empty content.
  package init() {}

  /// Restores a hash from its `words`.
  package init(words: [Int64]) {
    first = UInt64(bitPattern: words[0])
    second = UInt64(bitPattern: words[1])
  }

  /// Adds a text.
  package mutating func combine(_ text: String) { combine(Data(text.utf8)) }

  /// Adds another hash.
  package mutating func combine(_ other: ContentHash) {
    mix(other.first)
    mix(other.second)
  }

  package mutating func mix(_ word: UInt64) {
    first = Self.folded(first ^ word, 0x9e37_79b9_7f4a_7c15)
    second = Self.folded(second &+ word, 0xd6e8_feb8_6659_fd93) ^ first
  }

  /// Combines both halves of a product, so that every bit of the factors reaches every part of it.
  private static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  /// Both halves, for storage.
  package var words: [Int64] { [Int64(bitPattern: first), Int64(bitPattern: second)] }

  /// The hash as 32 hexadecimal digits.
  package var text: String { String(format: "%016lx%016lx", first, second) }
}

extension ContentHash {
  /// Hashes the bytes of a file, of which a part at a time is in memory.
  ///
  /// - Throws: `FileError` that names the file.
  package init(file url: URL) throws {
    switch FileSystem.kind(of: url) {
    case .folder: throw FileError.isFolder(url)
    case .other: throw FileError.notRegular(url)
    case .file, nil: break
    }
    let descriptor = url.withNativePath { path in uninterrupted { open(path, O_RDONLY | O_CLOEXEC) } }
    guard descriptor >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
    defer { close(descriptor) }
    self.init()
    var part = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      // Parts are full, so that the hash does not depend on how much the system reads at once.
      var filled = 0
      while filled < part.count {
        let count = part.withUnsafeMutableBytes { bytes in
          let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
          return read(descriptor, rest.baseAddress, rest.count)
        }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
        guard count > 0 else { break }
        filled += count
      }
      guard filled > 0 else { return }
      part.withUnsafeBytes { combine(UnsafeRawBufferPointer(rebasing: $0[..<filled])) }
    }
  }
}
