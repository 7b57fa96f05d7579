import Foundation

/// The places of the items of a list in a JSON5 document, so that one can be changed and the rest stay.
///
/// Comments and the form of all other text are kept. The document must be valid.
package struct JSON5Outline {
  /// The bytes of each item.
  package private(set) var items: [Range<Int>] = []
  /// The place of the closing bracket.
  package private(set) var end = 0
  private let bytes: [UInt8]
  private var position = 0
  private var hasFinalComma = true

  /// Finds a list among the members of a document; nil if no member of that name is a list.
  ///
  /// - Parameters:
  ///   - name: the name of the member.
  ///   - data: the document.
  /// - Throws: `JSONFault` for a document that is not valid.
  package init?(of name: String, in data: Data) throws {
    guard case .array? = try JSONValue(json5: data).members?[name] else { return nil }
    bytes = Array(data)
    skipSpace()
    position += 1
    while position < bytes.count {
      skipSpace()
      let found = takeName()
      skipSpace()
      position += 1
      skipSpace()
      if found == name, byte == UInt8(ascii: "[") {
        listItems()
        return
      }
      skipValue()
      skipSpace()
      if byte == UInt8(ascii: ",") { position += 1 }
    }
    return nil
  }

  /// Returns the document with another text in the place of an item.
  package func replacing(_ index: Int, by text: String) -> Data {
    Data(bytes[..<items[index].lowerBound]) + Data(text.utf8) + Data(bytes[items[index].upperBound...])
  }

  /// Returns the document with one more item at the end of the list.
  ///
  /// - Parameters:
  ///   - text: the item.
  ///   - indent: the spaces before it.
  /// - Returns: the document.
  package func appending(_ text: String, indent: String) -> Data {
    let last = items.last?.upperBound ?? end
    let comma = items.isEmpty || hasFinalComma ? "" : ","
    // The bracket may stand on a line of its own.
    let line = bytes[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let isAlone = line >= last && bytes[line..<end].allSatisfy { $0 == 0x20 || $0 == 0x09 }
    let place = isAlone ? line : end
    let added = isAlone ? "\(indent)\(text),\n" : "\n\(indent)\(text),\n\(indent.dropLast(2))"
    return Data(bytes[..<last]) + Data(comma.utf8) + Data(bytes[last..<place]) + Data(added.utf8)
      + Data(bytes[place...])
  }

  private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func listItems() {
    position += 1
    hasFinalComma = false
    while true {
      skipSpace()
      guard let next = byte, next != UInt8(ascii: "]") else { break }
      let start = position
      skipValue()
      items.append(start..<position)
      skipSpace()
      hasFinalComma = byte == UInt8(ascii: ",")
      if hasFinalComma { position += 1 }
    }
    end = position
  }

  private mutating func takeName() -> String {
    let start = position
    if let quote = byte, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      skipString()
      return String(decoding: bytes[start + 1..<max(start + 1, position - 1)], as: UTF8.self)
    }
    while let next = byte, next != UInt8(ascii: ":"), next > 0x20, next != UInt8(ascii: "/") { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func skipValue() {
    guard let first = byte else { return }
    switch first {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      var depth = 0
      repeat {
        skipSpace()
        guard let next = byte else { return }
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
          skipString()
          continue
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: break
        }
        position += 1
      } while depth > 0
    default:
      while let next = byte, next > 0x20, !Array(",]}/".utf8).contains(next) { position += 1 }
    }
  }

  private mutating func skipString() {
    let quote = byte
    position += 1
    while let next = byte, next != quote { position += next == UInt8(ascii: "\\") ? 2 : 1 }
    position = min(position + 1, bytes.count)
  }

  /// Skips white space, which beyond ASCII has characters of two and three bytes, and comments.
  private mutating func skipSpace() {
    while let next = byte {
      if next <= 0x20 {
        position += 1
      } else if bytes[position...].starts(with: Array("//".utf8)) {
        while let next = byte, next != 0x0A, next != 0x0D { position += 1 }
      } else if bytes[position...].starts(with: Array("/*".utf8)) {
        position += 2
        while position < bytes.count, !bytes[position...].starts(with: Array("*/".utf8)) { position += 1 }
        position = min(position + 2, bytes.count)
      } else if next >= 0x80,
        let scalar = String(decoding: bytes[position...].prefix(3), as: UTF8.self).unicodeScalars.first,
        scalar.properties.isWhitespace || scalar == "\u{FEFF}"
      {
        position += String(scalar).utf8.count
      } else {
        return
      }
    }
  }
}
