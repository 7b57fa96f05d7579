import Foundation

/// A hash that reads bytes as words of 64 bits.
package protocol WordHash {
  /// Adds a word.
  mutating func mix(_ word: UInt64)
}

extension WordHash {
  /// Adds bytes and their count.
  package mutating func combine(_ data: Data) { data.withUnsafeBytes { combine($0) } }

  /// Adds bytes and their count.
  package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
    let words = bytes.count / 8
    for index in 0..<words {
      mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
    }
    for byte in bytes[(words * 8)...] { mix(UInt64(byte)) }
    mix(UInt64(bytes.count))
  }
}

/// FNV-1a over 64-bit words, for fingerprints.
///
/// It is fast and the same on every machine. It does not protect against forgery.
package struct StableHash: WordHash {
  private var value: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Starts with empty content.
  package init() {}

  package mutating func mix(_ word: UInt64) { value = (value ^ word) &* 0x0000_0100_0000_01b3 }

  /// The name of the hash and 16 hexadecimal digits.
  package var text: String { String(format: "fnv1a64:%016lx", value) }
}
