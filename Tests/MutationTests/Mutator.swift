import Foundation
import TestSupport

/// Damages the bytes of a file at random; one seed gives one sequence of damages.
struct Mutator {
  private var generator: SplitMix

  /// Starts the sequence of a seed.
  init(seed: UInt64) { generator = SplitMix(seed: seed) }

  /// Words that change the meaning of a text or a JSON file.
  private static let words = [
    "null", "true", "-1", "0", "1e999", "-0.5", "99999999999999999999999", "9223372036854775807", "NaN",
    "\"\"", "[]", "{}", "[[[[[[[[", "{\"a\":{\"a\":", "\u{0}", "é", "\\ud800", "../../../x", "/dev/zero",
    "\"model_type\":", ",", ":", "//", "/*", "'", "#version", "</w>",
  ].map { Array($0.utf8) }

  /// Numbers at the ends of their types.
  private static let numbers: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 62,
    0x7FFF_FFFF_FFFF_FFFF, .max,
  ]

  /// Chooses one element.
  mutating func choice<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: elements.indices, using: &generator)]
  }

  /// Returns a copy with one to four damages.
  mutating func damaged(_ data: Data) -> Data {
    var bytes = Array(data)
    for _ in 0..<Int.random(in: 1...4, using: &generator) { damage(&bytes) }
    return Data(bytes)
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = choice(Self.words)
      return
    }
    let start = Int.random(in: bytes.indices, using: &generator)
    let length = Int.random(in: 1...max(1, min(64, bytes.count - start)), using: &generator)
    let range = start..<min(bytes.count, start + length)
    switch Int.random(in: 0..<9, using: &generator) {
    case 0: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[start] = UInt8.random(in: 0...255, using: &generator)
    case 2: bytes.removeSubrange(range)
    case 3: bytes.insert(contentsOf: Array(bytes[range]), at: start)
    case 4: bytes.removeSubrange(start...)
    case 5: bytes.replaceSubrange(range, with: choice(Self.words))
    case 6: bytes.insert(contentsOf: choice(Self.words), at: start)
    case 7:
      let width = choice([2, 4, 8])
      let number = choice(Self.numbers)
      for index in 0..<width where start + index < bytes.count {
        bytes[start + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
      }
    default: replaceNumber(in: &bytes, from: start)
    }
  }

  /// Replaces the next number of a text by another.
  private mutating func replaceNumber(in bytes: inout [UInt8], from start: Int) {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard let first = bytes[start...].firstIndex(where: isDigit) else { return }
    let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(first..<end, with: choice(Self.words))
  }
}
