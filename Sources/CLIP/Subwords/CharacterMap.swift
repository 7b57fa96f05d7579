import Foundation

/// A table of replacements of characters, compiled by SentencePiece (`precompiled_charsmap`).
///
/// It is a double-array trie of texts and, for each, the place of its replacement. No damage leads
/// outside the table: every place is checked.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// The replacements, each with a zero byte at its end.
  private let texts: [UInt8]

  /// Reads a table.
  ///
  /// - Parameters:
  ///   - bytes: the size of the trie as four bytes, the trie, the replacements.
  ///   - file: the file, for messages.
  ///   - name: the name of the table in the file.
  /// - Throws: `CLIPError.badFile` for sizes that do not fit.
  init(_ bytes: [UInt8], _ file: URL, _ name: String) throws {
    func number(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
    let size = bytes.count >= 4 ? Int(number(0)) : 0
    guard size >= 4, size % 4 == 0, size <= bytes.count - 4 else {
      throw CLIPError.badFile(
        file, reason: "\(name) is damaged: a trie of \(size) in \(bytes.count) bytes; fetch it again")
    }
    units = (0..<size / 4).map { number(4 + 4 * $0) }
    texts = Array(bytes[(4 + size)...])
  }

  /// The number of characters of the longest replacement.
  var longest: Int {
    texts.split(separator: 0).map { String(decoding: $0, as: UTF8.self).unicodeScalars.count }.max() ?? 0
  }

  /// Finds the replacement of the longest or the shortest known text at a place.
  ///
  /// - Parameters:
  ///   - bytes: the text.
  ///   - start: the place.
  ///   - takesShortest: whether the shortest known text counts.
  /// - Returns: the length of the known text and its replacement; nil if none begins there.
  func replacement(
    in bytes: ArraySlice<UInt8>, at start: Int, takesShortest: Bool = false
  ) -> (length: Int, text: ArraySlice<UInt8>)? {
    var found: (length: Int, place: Int)?
    var node = 0
    guard var unit = units.first else { return nil }
    node ^= Self.offset(unit)
    for index in start..<bytes.endIndex {
      node ^= Int(bytes[index])
      guard units.indices.contains(node) else { break }
      unit = units[node]
      guard unit & 0x8000_00FF == UInt32(bytes[index]) else { break }
      node ^= Self.offset(unit)
      if unit >> 8 & 1 == 1, units.indices.contains(node) {
        found = (index - start + 1, Int(units[node] & 0x7FFF_FFFF))
        if takesShortest { break }
      }
    }
    guard let found, found.place <= texts.count else { return nil }
    return (found.length, texts[found.place...].prefix { $0 != 0 })
  }

  private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
