/// SentencePiece's normalisation of a text: replaced characters, collapsed and visible spaces.
struct PieceNormalizer: Sendable {
  /// The replacements of characters; nil for none.
  var map: CharacterMap?
  /// Whether a space is put before the text.
  var addsPrefix = true
  /// Whether spaces at both ends, and all but one of adjacent ones, are removed.
  var removesExtraSpaces = true
  /// Whether a space is written as `space`.
  var escapesSpaces = true
  /// Whether the space of `addsPrefix` follows the text.
  var spaceIsSuffix = false
  /// The texts that are left as they are.
  var kept = PieceTrie()

  /// The visible space, U+2581.
  static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// Normalises UTF-8.
  func callAsFunction(_ text: [UInt8]) -> [UInt8] {
    let space = escapesSpaces ? Self.space : [0x20]
    var result: [UInt8] = []
    var place = 0
    var isAfterSpace = removesExtraSpaces
    if removesExtraSpaces {
      while place < text.count {
        let (part, length) = part(of: text, at: place)
        guard part.elementsEqual([0x20]) else { break }
        place += length
      }
    }
    guard place < text.count else { return [] }
    if addsPrefix, !spaceIsSuffix { result += space }
    while place < text.count {
      var (part, length) = part(of: text, at: place)
      place += length
      if isAfterSpace { part = part.drop { $0 == 0x20 } }
      guard let last = part.last else { continue }
      for byte in part {
        if byte == 0x20 { result += space } else { result.append(byte) }
      }
      isAfterSpace = removesExtraSpaces && last == 0x20
    }
    if removesExtraSpaces {
      while result.suffix(space.count).elementsEqual(space) { result.removeLast(space.count) }
    }
    if addsPrefix, spaceIsSuffix { result += space }
    return result
  }

  /// Returns the replacement of the longest known text at a place, or the character there.
  private func part(of text: [UInt8], at place: Int) -> (ArraySlice<UInt8>, length: Int) {
    var end = place
    if !kept.isEmpty { kept.forEach(in: text, from: place) { last, _ in end = last } }
    if end > place { return (text[place..<end], end - place) }
    if let found = map?.replacement(in: text[...], at: place) { return (found.text, found.length) }
    end = min(text.count, place + utf8Length(text[place]))
    return (text[place..<end], end - place)
  }
}

/// The number of bytes of a character by its first byte.
func utf8Length(_ first: UInt8) -> Int {
  switch first {
  case 0xC0..<0xE0: 2
  case 0xE0..<0xF0: 3
  case 0xF0...0xFF: 4
  default: 1
  }
}
